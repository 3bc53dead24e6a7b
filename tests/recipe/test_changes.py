"""What of a recipe is not as its file says, key by key."""

import json
from pathlib import Path

from zoo.recipe import load_recipe
from zoo.recipe.changes import changes_of
from zoo.training.folder import RunFolder

BASE = "bert-base-mnli-finetune"


def test_a_recipe_as_its_file_says_has_no_changes() -> None:
    assert changes_of(load_recipe(BASE)) == {}
    assert changes_of(load_recipe(BASE, ["run.folder=elsewhere"])) == {}


def test_a_change_says_what_stood_there_and_who_made_another_of_it() -> None:
    words = ["run.steps=200", "optimizer.type=Lion", "optimizer.params.lr=1e-5", "parallel=zero-2"]
    found = {key: (one.was, one.now) for key, one in changes_of(load_recipe(BASE, words)).items()}
    assert found == {
        "parallel.zero.stage": (1, 2),
        "optimizer.type": ("AdamW", "Lion"),
        "optimizer.params.lr": (2e-5, 1e-5),
        "optimizer.params.weight_decay": (0.01, None),
        "run.steps": (None, 200),
        "run.epochs": (3.0, None),
    }
    by = {key: one.by for key, one in changes_of(load_recipe(BASE, words)).items()}
    assert by["run.steps"] == "command line: run.steps=200"
    assert by["parallel.zero.stage"].endswith("parallel/zero-2.json")
    assert "Lion" in by["optimizer.params.weight_decay"]


def test_a_run_that_goes_on_keeps_what_its_first_file_said(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_origin(load_recipe(BASE, ["run.steps=200"], tiny=True), None, 1000)
    (tmp_path / "status.json").write_text("{}")  # by which the folder is known as a run's
    folder.write_origin(load_recipe(tmp_path, ["run.steps=300", "run.log_every=7"]), None, 1000)
    changes = json.loads((tmp_path / "origin.json").read_text())["changes"]
    steps = "command line: run.steps=300"
    assert changes["run.steps"] == {"was": None, "by": steps}
    assert changes["run.log_every"] == {"was": 10, "by": "command line: run.log_every=7"}
    assert changes["data.source"]["was"] == "hub"
