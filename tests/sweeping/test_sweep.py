"""Sweeps: which runs they are, what is left of them, and what the table says."""

import json
import shlex
import sys
from pathlib import Path

import pytest
import typer

import zoo.cli
from zoo.errors import ConfigError
from zoo.recipe import expanded
from zoo.recipe.compose.catalog import RECIPE as FILE
from zoo.sweeping.array import array_word, number_of_task
from zoo.sweeping.plan import Sweep, checked, planned
from zoo.sweeping.standing import standing
from zoo.sweeping.table import results, write

RECIPE = "resnet50-imagenet"
LR = "optimizer.params.lr=[0.001,0.01]"


def sweep(folder: Path, *words: str, seeds: int = 1, at_most: int | None = None) -> Sweep:
    """A sweep of a twin."""
    return planned(RECIPE, words, True, seeds, at_most, folder)


def trained(folder: Path, accuracy: float | None, state: str = "done", code: int = 0) -> None:
    """What a run leaves in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status.json").write_text(json.dumps({"state": state, "exit_code": code, "step": 4}))
    if accuracy is not None:
        row = {"step": 4, "valid/top_1": accuracy, "valid/loss": 1.0}
        (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n{torn")


def test_lists_are_tried_but_for_those_that_a_key_takes(tmp_path: Path) -> None:
    found = sweep(tmp_path, LR, "optimizer.params.betas=[0.9,0.98]", "run.steps=4", seeds=2)
    assert found.keys == ("optimizer.params.lr",)
    assert [(dict(one.setting), one.seed) for one in found.members] == [
        ({"optimizer.params.lr": lr}, seed) for seed in (0, 1) for lr in ("0.001", "0.01")
    ]
    assert all("optimizer.params.betas=[0.9,0.98]" in one.words for one in found.members)
    lists = sweep(tmp_path, "optimizer.params.betas=[[0.9,0.98],[0.8,0.9]]", "run.steps=4")
    assert [dict(one.setting)["optimizer.params.betas"] for one in lists.members] == [
        "[0.9, 0.98]",
        "[0.8, 0.9]",
    ]
    assert len({one.folder for one in (*found.members, *lists.members)}) == 6


def test_sections_and_what_only_the_model_knows_are_tried(tmp_path: Path) -> None:
    found = sweep(tmp_path, 'parallel=["zero-1","zero-2"]', "model.config.embedding_size=[8,16]")
    assert len(checked(found)) == 4
    kept = sweep(tmp_path, LR, "model.config.depths=[1,1,1,1]")
    assert kept.keys == ("optimizer.params.lr",), "a list in the twin's own config"


def test_more_of_the_drawn_settings_begin_with_those_that_fewer_are(tmp_path: Path) -> None:
    words = (LR, "run.batch=[32,64,96]", "optimizer.params.weight_decay=[0,0.1]")
    few, more = (sweep(tmp_path, *words, at_most=count).members for count in (3, 5))
    assert [one.folder for one in more[:3]] == [one.folder for one in few]
    assert len({one.folder for one in more}) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run.steps=4",), "found one run"),
        ((LR, "run.folder=x"), "--folder"),
        ((LR, "run.seed=[1,2]"), "--seeds"),
        (("optimizer.params.lr=[0.1,0.1]",), "a value twice"),
        (("optimizer.params.lr=[-1,0.1]",), "optimizer.params.lr=-1"),
    ],
)
def test_what_cannot_be_tried_is_said_before_anything_runs(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="allowed") as error:
        checked(sweep(tmp_path, *words))
    assert said in str(error.value)


def test_a_run_of_another_recipe_in_the_folder_is_refused_and_a_longer_one_goes_on(
    tmp_path: Path,
) -> None:
    first = sweep(tmp_path, LR, "run.steps=4")
    recipes, one = checked(first), first.members[0]
    trained(one.folder, 0.5)
    (one.folder / FILE).write_text(json.dumps(expanded(recipes[0])))
    assert standing(one, recipes[0]).over
    longer = sweep(tmp_path, LR, "run.steps=8")
    assert not standing(longer.members[0], checked(longer)[0]).over
    with pytest.raises(ConfigError, match=r"run\.batch: found"):
        checked(sweep(tmp_path, LR, "run.steps=4", "run.batch=32"))


def test_the_table_has_mean_and_spread_of_runs_that_are_done_the_best_first(
    tmp_path: Path,
) -> None:
    found = sweep(tmp_path, LR, seeds=3)
    recipes = checked(found)
    for one, accuracy in zip(found.members, (0.2, 0.5, 0.4, 0.7, 0.6, 0.9), strict=True):
        trained(one.folder, accuracy)
    trained(found.members[5].folder, 0.9, "failed", 3)
    stands = {one.number: standing(one, recipes[one.number]) for one in found.members}
    assert stands[5].state == "not finite" and stands[5].over
    page = results(found, recipes, stands)
    write(found, page)
    told = json.loads((tmp_path / "sweep.json").read_text())
    best, other = told["settings"]
    assert best["setting"] == {"optimizer.params.lr": "0.01"}
    assert best["runs"] == "2 done, 1 not finite"
    assert best["scores"]["valid/top_1"]["mean"] == pytest.approx(0.6)
    assert other["scores"]["valid/top_1"]["spread"] == pytest.approx(0.2)
    assert "0.4 ± 0.2" in (tmp_path / "sweep.md").read_text()


def test_slurm_gets_the_runs_that_are_left_and_each_task_finds_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = sweep(tmp_path, LR, seeds=2)
    trained(found.members[1].folder, 0.5)
    words = ["sweep", RECIPE, "--tiny", LR, "--seeds", "2", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["zoo", *words, "--with", "slurm", "--dry-run"])
    with pytest.raises(SystemExit) as end:
        zoo.cli.main()
    argv = shlex.split(capsys.readouterr().out)
    assert not end.value.code and argv[:2] == ["sbatch", "--array=0,2-3"]
    told = argv[next(place for place, word in enumerate(argv) if word.endswith("slurm.sh")) + 1 :]
    started: list[tuple[str, ...]] = []

    def train(recipe: str, words: list[str], tiny: bool) -> None:
        started.append((recipe, *words))
        raise typer.Exit(0)

    monkeypatch.setattr(zoo.cli.sweep.runs, "train", train)
    monkeypatch.setattr(sys, "argv", ["zoo", "sweep", *told])
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    with pytest.raises(SystemExit):
        zoo.cli.main()
    assert started == [(RECIPE, *found.members[3].words)]


def test_tasks_of_an_array_are_the_runs_that_are_left() -> None:
    assert array_word([0, 1, 2, 5, 7, 8], 4) == "--array=0-2,5,7-8%4"
    assert number_of_task({"SLURM_ARRAY_TASK_ID": "7"}, 9) == 7
    for said in ({}, {"SLURM_ARRAY_TASK_ID": "9"}):
        with pytest.raises(ConfigError, match="0 to 8"):
            number_of_task(said, 9)
