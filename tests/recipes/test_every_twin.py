"""Every twin of the catalog takes two steps and is exported: those that differ in what they train,
once.
"""

import json
import math
from pathlib import Path

import pytest

from tests.runs import SHORT, losses, train
from zoo.recipe import load_recipe
from zoo.recipe.compose.catalog import recipes

QUICK = {"deberta-v3-base-mnli-finetune"}
"""The others are marked slow: the twins that stand for a kind train elsewhere all the same."""


def different() -> list[Path]:
    """The first recipe of every twin: a kind of task, what it learns, and a model."""
    found: dict[str, Path] = {}
    for path in recipes():
        twin = load_recipe(path, tiny=True)
        problem = getattr(twin.task, "problem", None)
        said = [twin.task.kind, problem, twin.optimizer.layer_decay, twin.model.model_dump()]
        found.setdefault(json.dumps(said, default=str), path)
    return list(found.values())


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else [pytest.mark.slow])
        for path in different()
    ],
)
def test_a_twin_takes_two_steps_and_is_exported(path: Path, tmp_path: Path) -> None:
    train(1, path, tmp_path / "run", *SHORT, "run.steps=2")
    assert all(math.isfinite(loss) for loss in losses(tmp_path / "run").values())
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
