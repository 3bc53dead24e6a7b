"""A run and an exported folder of an older version, as it left them, still go on and are scored.

`old_run` was written at commit d3a116d on two tensor ranks: a ViT twin of one layer on the digits,
its checkpoint after step 3 of 6, its six losses, and what it exported after the last.
"""

import json
import shutil
from pathlib import Path

import pytest

from tests.ranks import run_ranks
from tests.runs import losses, rows
from zoo.recipe import load_recipe
from zoo.training.evaluate import evaluate
from zoo.training.run import run

OLD = Path(__file__).parent / "old_run"
TENSOR = ("parallel.tensor=2",)
ONE = ("parallel.tensor=1",)


def go_on(recipe: Path, changes: list[str]) -> int:
    """`zoo train` in this process."""
    return run(load_recipe(recipe, changes))


@pytest.mark.ranks(2)
@pytest.mark.parametrize(("world", "words"), [(2, TENSOR), (1, ONE)], ids=["same", "one process"])
def test_an_old_checkpoint_goes_on_with_the_losses_of_then(
    world: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(OLD, folder, ignore=shutil.ignore_patterns("model"))
    changes = [f"run.folder={folder}", *words]
    assert run_ranks(world, go_on, folder / "recipe.json", changes) == [0] * world
    then, now = losses(OLD), losses(folder)
    assert list(now) == [1, 2, 3, 4, 5, 6]
    for step in (4, 5, 6):
        assert now[step] == pytest.approx(then[step], rel=1e-5)
    assert json.loads((folder / "status.json").read_text())["state"] == "done"


def score(folder: Path, split: str, changes: list[str]) -> dict[str, float]:
    """`zoo eval` in a process of its own."""
    return evaluate(folder, split, changes)


def test_an_old_exported_folder_has_the_scores_of_then() -> None:
    [then] = [row for row in rows(OLD) if "valid/loss" in row]
    [now] = run_ranks(1, score, OLD / "model", "valid", ["parallel.tensor=1"])
    assert {f"valid/{key.partition('/')[2]}": value for key, value in now.items()} == {
        key: pytest.approx(value, rel=1e-5) for key, value in then.items() if key != "step"
    }
