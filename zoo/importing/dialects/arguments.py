"""TrainingArguments as a JSON, with the words of transformers' and TRL's scripts beside them."""

from zoo.importing.dialects.scripts import SCRIPTS
from zoo.importing.dialects.trainer import SILENT, TRAINER
from zoo.importing.word import Dialect

ARGUMENTS = Dialect(
    "TrainingArguments (JSON or YAML)",
    ("per_device_train_batch_size", "do_train", "overwrite_output_dir", "num_train_epochs",
     "evaluation_strategy"),
    {**TRAINER, **SCRIPTS},
    SILENT,
)  # fmt: skip
