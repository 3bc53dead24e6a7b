"""Trackers get every row once, and whatever becomes of them does not reach the run."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import pytest

from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.spec.run import Tracker
from zoo.training.checks import ring_two
from zoo.training.folder import RunFolder
from zoo.training.logs import followers
from zoo.training.logs.log import Log
from zoo.training.logs.trackers import TRACKERS

RECIPE = {
    "task": {"kind": "causal-lm"},
    "model": {"freeze": ["*.bias"], "config": {"odd, key*": "x" * 7000}},
    "run": {"tags": ["mine"], "steps": 9},
}

ODD = "valid/iou/grass, wet*"
"""A score whose name comes from a class."""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run's folder before its first step."""
    root = tmp_path / "my-run"
    root.mkdir()
    (root / "recipe.json").write_text(json.dumps({"$schema": "recipe.json"} | RECIPE))
    made = {"recipe": "tiny", "twin": True, "words": ["run.steps=9"], "labels": None}
    (root / "origin.json").write_text(json.dumps(made))
    return RunFolder(root)


def tell(run: RunFolder, names: tuple[str, ...], steps: range, scored: int = 0) -> None:
    """Lets a run go from the step before the first of `steps` to the last, and end well."""
    folder = RunFolder(run.root)
    folder.cut_metrics(steps[0] - 1, scored)
    log = Log(folder, names, steps[0] - 1, True, scored)
    for step in steps:
        log.row({"step": step, "loss": 10.0 * steps[0] + step, "data": "word"})
        if step % 2 == 0:
            log.row({"step": step, "valid/loss": math.inf if step == 2 else step / 2, ODD: 1.0})
    log.close("done", {"best": 1.0, "best_step": 2})


def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, name: str = "wandb") -> Path:
    """A package of a tracker that does something else; returns where it may write."""
    (tmp_path / "fakes").mkdir(exist_ok=True)
    (tmp_path / "fakes" / f"{name}.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fakes"), prepend=os.pathsep)
    return tmp_path / "fakes"


def test_the_recipe_may_name_the_trackers_that_there_are() -> None:
    assert set(get_args(Tracker)) == set(TRACKERS)


def test_tables_and_event_files_have_the_rows_of_a_resumed_run_once(run: RunFolder) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tell(run, ("tensorboard", "csv"), range(1, 8))
    tell(run, ("tensorboard", "csv"), range(5, 10), scored=4)
    with (run.root / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [(int(row["step"]), float(row["loss"])) for row in rows if row["loss"]]
    expected = [(step, (10.0 if step < 5 else 50.0) + step) for step in range(1, 10)]
    assert losses == expected
    scores = [(row["step"], row["valid/loss"]) for row in rows if row["valid/loss"]]
    assert scores == [("2", "nan"), ("4", "2.0"), ("6", "3.0"), ("8", "4.0")]
    board = EventAccumulator(str(run.root / "tensorboard"), purge_orphaned_data=True).Reload()
    assert [(one.step, one.value) for one in board.Scalars("loss")] == expected
    assert [one.step for one in board.Scalars("valid/loss")] == [2, 4, 6, 8]


RECORDER = """
import json, os, pathlib
file = pathlib.Path(__file__).with_suffix(".jsonl").open("a")
def say(*what):
    print(json.dumps(what), file=file, flush=True)
class Settings:
    def __init__(self, **words): pass
class Run:
    summary = {}
    def define_metric(self, *what, **words): pass
    def log(self, values): say("log", values)
    def finish(self, exit_code): say("finish", exit_code, self.summary)
def init(**words):
    say("init", {key: words[key] for key in ("id", "resume", "project", "name", "tags", "config")})
    return Run()
"""


def test_a_tracker_that_takes_nothing_back_is_told_each_step_once_under_one_id(
    run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[Any],
) -> None:
    at = fake(tmp_path, monkeypatch, RECORDER)
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    tell(run, ("wandb",), range(1, 6))
    tell(run, ("wandb",), range(4, 8), scored=2)
    told = [json.loads(line) for line in (at / "wandb.jsonl").read_text().splitlines()]
    first, second = (what[1] for what in told if what[0] == "init")
    assert first == second and first["resume"] == "allow" and first["project"] == "ours"
    assert first["name"] == "my-run" and first["tags"] == ["causal-lm", "twin", "mine"]
    made = {"recipe": "tiny", "twin": True, "words": ["run.steps=9"]}
    assert first["config"] == RECIPE | {"made": made}
    logged = [what[1] for what in told if what[0] == "log"]
    assert [row["step"] for row in logged if "loss" in row] == list(range(1, 8))
    assert [row["step"] for row in logged if "valid/loss" in row] == [2, 4, 6]
    ends = [what[1:] for what in told if what[0] == "finish"]
    assert ends[1] == [
        0,
        {"state": "done", "valid/loss": 3.0, ODD: 1.0, "best": 1.0, "best_step": 2},
    ]
    assert "wandb keeps what it has of steps 4 to 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise RuntimeError('no key\\nfor you')", "RuntimeError: no key for you"),
        ("import os; os._exit(7)", "its process ended with 7"),
        ("import os; os.kill(os.getpid(), 9)", "its process ended with -9"),
        ("import time; time.sleep(99)", "did not end in 1 s"),
        (RECORDER.replace('say("log", values)', "1 / 0"), "ZeroDivisionError"),
        (RECORDER.replace('say("finish", exit_code, self.summary)', "init()"), "KeyError"),
    ],
    ids=["raises", "leaves", "is killed", "hangs", "fails at a row", "fails at its end"],
)
def test_what_becomes_of_a_tracker_is_said_once_and_the_run_goes_on(
    run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[Any],
    body: str,
    why: str,
) -> None:
    fake(tmp_path, monkeypatch, body)
    monkeypatch.setattr(followers, "WAIT", 1.0)
    log = Log(run, ("wandb", "csv"), 0, True)
    if "sleep" not in body:
        time.sleep(0.5)
    for step in range(1, 4):
        log.row({"step": step, "loss": 1.0})
        time.sleep(0.2)
    log.close()
    said = [line for line in capsys.readouterr().err.splitlines() if "wandb" in line]
    assert len(said) == 1 and why in said[0]
    assert len((run.root / "metrics.csv").read_text().splitlines()) == 4
    assert len((run.root / "metrics.jsonl").read_text().splitlines()) == 3


def test_a_tracker_ends_with_a_run_that_is_killed_and_ignores_its_signals(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = fake(tmp_path, monkeypatch, RECORDER)
    code = f"""if True:
        import pathlib, time
        from zoo.training.logs.followers import Follower
        root = pathlib.Path({str(run.root)!r})
        (root / "metrics.jsonl").write_text('{{"step": 1, "loss": 2}}\\n')
        one = Follower("wandb", root, 0, 0)
        print(one.process.pid, flush=True)
        time.sleep(99)"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child, told = int(parent.stdout.readline()), at / "wandb.jsonl"
    wait_for(lambda: told.exists() and '"log"' in told.read_text())
    os.kill(child, signal.SIGTERM)
    os.kill(child, signal.SIGINT)
    parent.kill()
    parent.wait()
    wait_for(lambda: '"finish"' in told.read_text())
    assert json.loads(told.read_text().splitlines()[-1]) == ["finish", 1, {"state": "crashed"}]


def wait_for(true: Any) -> None:
    """Waits half a minute for something."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_folder_that_another_run_took_over_is_told_to_no_tracker(run: RunFolder) -> None:
    class Lost:
        held = False

    log = Log(RunFolder(run.root, Lost()), ("csv",), 0, True)  # type: ignore[arg-type]
    (process,) = (one.process for one in log.trackers.every)
    log.row({"step": 1, "loss": 1.0})
    assert process.poll() is not None and log.trackers.every == []
    log.close()


def test_a_tracker_that_is_named_and_not_installed_is_a_fault_where_it_would_report() -> None:
    recipe = load_recipe("gpt2-small-openwebtext", ['run.report_to=["csv","wandb"]'], tiny=True)
    real, found = followers.installed, {"wandb": False}
    try:
        followers.installed = lambda name: found.get(name, True)
        with pytest.raises(ConfigError, match=r"report_to: found wandb.*tensorboard.*zoo\[wandb\]"):
            ring_two(recipe, 1)
        ring_two(recipe, 1, environment={"RANK": "1"})
        ring_two(recipe, 1, None)  # only looked at
        absent = load_recipe("gpt2-small-openwebtext", tiny=True)
        found["tensorboard"] = False
        assert followers.trackers_of(absent) == ()
    finally:
        followers.installed = real
    assert followers.trackers_of(absent) == ("tensorboard",)


def test_a_folder_that_a_tracker_left_here_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_tracker").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not followers.installed("some_tracker") and followers.installed("json")


def test_a_tracker_that_comes_later_hears_of_all_rows(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = fake(tmp_path, monkeypatch, RECORDER)
    tell(run, (), range(1, 301))
    tell(run, ("wandb",), range(301, 303), scored=300)
    told = [json.loads(line) for line in (at / "wandb.jsonl").read_text().splitlines()]
    logged = [what[1]["step"] for what in told if what[0] == "log" and "loss" in what[1]]
    assert logged == list(range(1, 303))
    kept = json.loads((run.root / "trackers" / "wandb.json").read_text())
    assert (kept["step"], kept["scored"]) == (302, 302)
