"""A command line: the script, its words, and those of the launcher before it."""

from zoo.importing.dialects.accelerate import WORDS
from zoo.importing.dialects.scripts import SCRIPTS, SILENT_OF
from zoo.importing.dialects.trainer import SILENT, TRAINER
from zoo.importing.dialects.values import count
from zoo.importing.word import Dialect, another_file, derived, each, idle

_PLACES = "`zoo launch`, or the launcher, says who takes part; a recipe holds for any of them"
_TIMES = "times micro_batch and accumulation"

COMMAND = Dialect(
    "a command line (run_*.py --...)",
    (),
    {
        "script": derived("task.kind", "what the script trains", "script"),
        **TRAINER,
        **SCRIPTS,
        **each("config config_file", another_file()),
        "torchrun.nproc_per_node": derived("run.batch", _TIMES, "per_node", count),
        "torchrun.nnodes": derived("run.batch", _TIMES, "nodes", count),
        "deepspeed.num_gpus": derived("run.batch", _TIMES, "per_node", count),
        "deepspeed.num_nodes": derived("run.batch", _TIMES, "nodes", count),
        "accelerate.config_file": another_file(),
        **{f"accelerate.{name}": word for name, word in WORDS.items() if name != "config_file"},
        "accelerate.zero_stage": WORDS["deepspeed_config.zero_stage"],
        **each("torchrun.** deepspeed.** accelerate.** python.** environment.**", idle(_PLACES)),
    },
    SILENT,
    SILENT_OF,
)
