"""Real runs for tests: a recipe's tiny twin through `run`, in ranks, and what its metrics say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.ranks import run_ranks
from zoo.recipe.load import load_recipe
from zoo.training.run import run

CATALOG = Path(__file__).parents[1] / "configs" / "recipes"
TWINS = {
    "causal-lm": "nlp/gpt2-small-openwebtext",
    "masked-lm": "nlp/bert-base-wikipedia",
    "sequence-classification": "nlp/bert-base-mnli-finetune",
    "image-classification": "vision/resnet50-imagenet",
    "ctc": "speech/conformer-ctc-small-librispeech",
}


def twin(kind: str) -> Path:
    """The recipe whose tiny twin stands for a task in tests."""
    return CATALOG / f"{TWINS[kind]}.json"


def run_twin(path: Path, changes: Sequence[str], fresh: bool = False) -> int:
    """`zoo train --tiny` in this process."""
    return run(load_recipe(path, changes, tiny=True), fresh)


def train(
    world: int, path: Path, folder: Path, *changes: str, timeout: float = 240
) -> list[dict[str, Any]]:
    """Trains in `world` processes and returns the rows of metrics.jsonl."""
    words = [f"run.folder={folder}", *changes]
    codes = run_ranks(world, run_twin, path, words, timeout=timeout)
    assert codes == [0] * world, codes
    return rows(folder)


SHORT = (
    "run.steps=20",
    "run.log_every=1",
    "run.eval_every=0",
    "run.save_every=0",
    "data.workers=0",
    "data.max_valid_examples=8",
    "run.report_to=[]",
)


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
