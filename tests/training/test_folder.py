"""A run writes into a run's folder and no other, and goes on there from anywhere."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs import twin
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.training.folder import RunFolder
from zoo.training.logs.log import Log, finite

RECIPE = twin("sequence-classification")


def in_folder(root: Path, *words: str) -> RunFolder:
    """The folder of a run that has begun there."""
    recipe = load_recipe(RECIPE, [f"run.folder={root}", *words], tiny=True)
    folder = RunFolder.of(recipe)
    (root / ".lease").mkdir(parents=True, exist_ok=True)
    folder.write_origin(recipe, ("no", "yes"), 100)
    return folder


def test_a_folder_that_is_not_a_runs_is_never_written_into_or_moved(tmp_path: Path) -> None:
    for name, file in (("home", "letter.txt"), ("export", "recipe.json"), ("plain", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / (file or ".keep")).write_text("{}")
    (tmp_path / "file").write_text("")
    for name in ("home", "export", "plain", "file"):
        recipe = load_recipe(RECIPE, [f"run.folder={tmp_path / name}"], tiny=True)
        with pytest.raises(ConfigError, match=r"run\.folder: found .*; allowed: a"):
            RunFolder.of(recipe)
    for name in ("new", "empty", "mount"):
        (tmp_path / name).mkdir() if name != "new" else None
    (tmp_path / "mount" / "lost+found").mkdir()
    for name in ("new", "empty", "mount"):
        in_folder(tmp_path / name)
        in_folder(tmp_path / name)  # a run's now


@pytest.mark.parametrize("moment", range(8))
def test_a_rank_that_looks_while_another_makes_the_folder_takes_it_for_a_runs(
    moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, stat, iterdir = tmp_path / "run", Path.stat, Path.iterdir
    recipe = load_recipe(RECIPE, [f"run.folder={root}"], tiny=True)
    left = moment

    def make() -> None:
        nonlocal left
        left -= 1
        if left in (-1, -2):  # the folder, and before the next look the leases in it
            (root if left == -1 else root / ".lease").mkdir()

    def looked(path: Path, *args: Any, **options: Any) -> os.stat_result:
        make()
        return stat(path, *args, **options)

    def listed(path: Path) -> Iterator[Path]:
        make()
        return iterdir(path)

    monkeypatch.setattr(Path, "stat", looked)
    monkeypatch.setattr(Path, "iterdir", listed)
    assert RunFolder.of(recipe).root == root


def test_the_recipe_of_a_run_goes_on_in_its_folder_from_anywhere_and_in_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs" / "bert-base-mnli-finetune-tiny"
    root.mkdir(parents=True)
    (root / ".lease").mkdir()
    RunFolder(root).write_origin(load_recipe(RECIPE, tiny=True), None, 100)
    assert json.loads((root / "recipe.json").read_text())["run"]["folder"] == str(root)
    monkeypatch.chdir(root.parent)
    for word in (root.name, f"{root.name}/recipe.json"):
        assert RunFolder.of(load_recipe(word)).root == root
    moved = root.rename(tmp_path / "moved")
    assert RunFolder.of(load_recipe(str(moved))).root == moved
    other = load_recipe(str(moved), [f"run.folder={tmp_path / 'other'}"])
    assert RunFolder.of(other).root == tmp_path / "other"


def test_a_run_remembers_what_it_was_made_from_when_its_own_recipe_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "run"
    in_folder(root, "run.steps=6", "run.keep=1")
    recipe = load_recipe(root, ["run.steps=9"])
    RunFolder(root).write_origin(recipe, ("no", "yes"), 100)
    made = RunFolder(root).made()
    assert (made.recipe, made.twin) == ("bert-base-mnli-finetune", True)
    assert made.words == ("run.steps=9", "run.keep=1")
    assert RunFolder(root).origin()["labels"] == ["no", "yes"]


def test_the_recipe_of_a_changed_run_counts_the_parameters_of_its_own_model(tmp_path: Path) -> None:
    recipe = load_recipe("gpt2-small-openwebtext", [f"run.folder={tmp_path}"])
    (tmp_path / ".lease").mkdir()
    RunFolder(tmp_path).write_origin(recipe, None, 12_345)
    assert json.loads((tmp_path / "recipe.json").read_text())["model"]["parameters"] == 12_345


def test_rows_that_a_resume_makes_again_are_moved_scores_too(tmp_path: Path) -> None:
    rows = [
        {"step": 1, "loss": 1.0},
        {"step": 1, "valid/loss": 2.0},
        {"step": 2, "loss": None},
        {"step": 2, "valid/loss": 1.5},
        {"step": 3, "loss": 0.5},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 3, "lo')
    RunFolder(tmp_path).cut_metrics(step=2, evaluated=1)
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert kept == rows[:3]
    gone = (tmp_path / "metrics-superseded.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in gone[:2]] == rows[3:] and len(gone) == 3


def test_a_row_is_on_the_disk_when_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    log = Log(RunFolder(tmp_path), (), 0, first=True)
    log.row({"step": 1, "loss": 0.5})
    assert synced == [(tmp_path / "metrics.jsonl").stat().st_size] and synced[0] > 0
    log.close()


def test_numbers_that_are_not_finite_are_null_in_json() -> None:
    row = {"step": 1, "loss": float("nan"), "norms": [float("inf"), 1.0], "more": {"x": -1e999}}
    text = json.dumps(finite(row), allow_nan=False)
    assert json.loads(text) == {"step": 1, "loss": None, "norms": [None, 1.0], "more": {"x": None}}
