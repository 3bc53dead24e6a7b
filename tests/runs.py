"""Real runs for tests: a recipe's tiny twin through `run`, in ranks, and what its metrics say."""

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.ranks import Ranks, run_ranks
from zoo.recipe import load_recipe
from zoo.training.disk.resuming import Start
from zoo.training.run import run

CATALOG = Path(__file__).parents[1] / "configs" / "recipes"
TWINS = {
    "causal-lm": "nlp/gpt2-small-openwebtext",
    "masked-lm": "nlp/bert-base-wikipedia",
    "sequence-classification": "nlp/bert-base-mnli-finetune",
    "image-classification": "vision/resnet50-imagenet",
    "ctc": "speech/conformer-ctc-small-librispeech",
}
SHELF: dict[str, str] = {
    "semantic-segmentation": "vision/segformer-b0-ade20k",
    "sequence-to-sequence": "nlp/t5-small-xsum",
    "object-detection": "vision/d-fine-l-coco",
    "token-classification": "nlp/bert-base-cased-conll2003",
    "speech-seq2seq": "speech/whisper-small-common-voice-hi-finetune",
    "question-answering": "nlp/bert-base-squad",
    "preference": "nlp/tinyllama-ultrafeedback-dpo",
}
"""Kinds whose twins `make test` trains under ZeRO 3 alone; the other layouts are marked slow."""


def twin(kind: str) -> Path:
    """The recipe whose tiny twin stands for a task in tests."""
    return CATALOG / f"{(TWINS | SHELF)[kind]}.json"


def run_twin(path: Path, changes: Sequence[str], fresh: bool = False) -> int:
    """`zoo train --tiny` in this process."""
    return run(load_recipe(path, changes, tiny=True), Start(fresh))


def train(
    world: int, path: Path, folder: Path, *changes: str, timeout: float = 240
) -> list[dict[str, Any]]:
    """Trains in `world` processes and returns the rows of metrics.jsonl."""
    words = [f"run.folder={folder}", *changes]
    codes = run_ranks(world, run_twin, path, words, timeout=timeout)
    assert codes == [0] * world, codes
    return rows(folder)


Job = tuple[int, Path, Path, Sequence[str]]
"""A run to be: how many processes, the recipe, the folder, the changes."""


def train_all(jobs: Iterable[Job]) -> None:
    """Trains independent runs, two side by side: processes that wait leave a core to others."""
    running: deque[Ranks] = deque()

    def finish_one() -> None:
        codes = running.popleft().results()
        assert set(codes) == {0}, codes

    try:
        for world, path, folder, changes in jobs:
            if len(running) == 2:
                finish_one()
            running.append(Ranks(world, run_twin, path, [f"run.folder={folder}", *changes]))
        while running:
            finish_one()
    finally:
        for ranks in running:
            ranks.end()


def train_each(
    path: Path, root: Path, runs: Mapping[str, tuple[int, Sequence[str]]], *common: str
) -> None:
    """Trains one recipe in `root/name` for each (processes, changes), all with `common`."""
    train_all((n, path, root / name, [*common, *words]) for name, (n, words) in runs.items())


SHORT = (
    "run.steps=20",
    "run.log_every=1",
    "run.eval_every=0",
    "run.save_every=0",
    "data.workers=0",
    "data.max_valid_examples=1",  # of packed text it counts documents: eight are 740 blocks
    "run.report_to=[]",
)


# Shorter and fewer examples, by kind: whether two layouts compute the same does not hang on them.
LIGHT = {"causal-lm": ["task.sequence_length=32"], "ctc": ["run.batch=8", "run.micro_batch=2"]}

# Of near ties the sums' last bits decide which positions become queries: here all of them do. At
# five times the rate rounding changes after five updates which query a box is matched to.
MATCHED = [
    *("task.image_size=32", "model.config.num_queries=84", "optimizer.params.lr=2e-5"),
    *("run.batch=8", "run.steps=10"),
]


# What draws inside a model; it must be off for tensor ranks to compute what one process does.
_BERT = ["hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"]
_WAVES = ["hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout"]
_WAVES += ["final_dropout", "layerdrop"]
NO_DROPOUT = {
    "bert": _BERT,
    "roberta": _BERT,
    "electra": _BERT,
    "distilbert": ["dropout", "attention_dropout", "seq_classif_dropout"],
    "deberta-v2": [*_BERT[:2], "pooler_dropout", "cls_dropout"],
    "wav2vec2": _WAVES,
    "hubert": _WAVES,
    "gpt2": ["resid_pdrop", "embd_pdrop", "attn_pdrop"],
    "llama": ["attention_dropout"],
    "vit": ["hidden_dropout_prob", "attention_probs_dropout_prob"],
    "resnet": [],
    "parakeet_ctc": [
        f"encoder_config.{kind}"
        for kind in (
            *("dropout", "dropout_positions", "activation_dropout", "attention_dropout"),
            "layerdrop",
        )
    ],
    "wav2vec2-conformer": [*_WAVES, "conformer_conv_dropout"],
    # Their twins draw nothing, and none of them has stages.
    "t5": [],
    "bart": [],
    "whisper": [],
    "segformer": [],
    "swin": [],
    "convnext": [],
    "rt_detr": [],
    "d_fine": [],
    "detr": [],
    "conditional_detr": [],
}


def without_dropout(path: Path) -> list[str]:
    """The changes that switch a tiny twin's dropout off."""
    recipe = load_recipe(path, tiny=True)
    keys = NO_DROPOUT[recipe.model.config["model_type"]]
    return [f"model.config.{key}=0.0" for key in keys]


def with_dropout(path: Path) -> list[str]:
    """The changes that switch all of it on, LayerDrop too; none where a model has none."""
    return [change.replace("=0.0", "=0.1") for change in without_dropout(path)]


# Name: how many processes, and what the recipe says of the layout.
LAYOUTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "data-2": (2, ("parallel.zero.stage=0",)),
    "zero-1": (2, ("parallel.zero.stage=1",)),
    "zero-2": (2, ("parallel.zero.stage=2",)),
    "zero-3": (2, ("parallel.zero.stage=3",)),
    "pipeline-2": (2, ("parallel.pipeline.stages=2", "parallel.zero.stage=0")),
    "pipeline-2 x data-2": (4, ("parallel.pipeline.stages=2", "parallel.zero.stage=1")),
    "tensor-2": (2, ("parallel.tensor=2", "parallel.zero.stage=0")),
    "tensor-2 x data-2": (4, ("parallel.tensor=2", "parallel.zero.stage=1")),
    "pipeline-2 x tensor-2": (
        4,
        ("parallel.pipeline.stages=2", "parallel.tensor=2", "parallel.zero.stage=0"),
    ),
    "pipeline-2 x tensor-2 x data-2": (
        8,
        ("parallel.pipeline.stages=2", "parallel.tensor=2", "parallel.zero.stage=1"),
    ),
}


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses(folder: Path) -> dict[int, float]:
    """Training loss by step."""
    return {row["step"]: row["loss"] for row in rows(folder) if "loss" in row}


def furthest(one: dict[int, float], other: dict[int, float]) -> float:
    """The largest relative difference |a - b| / |b| of two loss curves over the same steps."""
    assert one.keys() == other.keys() and one, (sorted(one), sorted(other))
    return max(abs(one[step] - other[step]) / abs(other[step]) for step in one)
