"""What real runs hand to their reports: rewards beside the reference, corrupt rows, parts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zoo.reporting.page import page_of
from zoo.reporting.reading import Run, read_run

FEW = ("run.steps=4", "run.log_every=2", "run.eval_every=2", "run.report_to=[]")
BUILT_IN = {"source": "built-in", "name": "stdlib-text"}
SAID = {"text": "a card that never came", "label": "card"}


def trained(folder: Path, *words: str) -> Run:
    """A twin that `zoo train` trained into a folder, as its report reads it."""
    command = [sys.executable, "-m", "zoo", "train", *words, f"run.folder={folder}", *FEW]
    environment = os.environ | {"DS_ACCELERATOR": "cpu", "ZOO_CACHE": str(folder.parent / "cache")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "report.html" not in done.stderr
    return read_run(folder)


def heads(run: Run) -> list[list[str]]:
    """The headings of each example."""
    return [[part["head"] for part in one["parts"]] for one in run.examples["examples"]]


@pytest.mark.slow
def test_a_run_of_preferences_shows_the_rewards_that_its_margin_is_made_of(tmp_path: Path) -> None:
    words = ("tinyllama-ultrafeedback-dpo", "--tiny", "data.max_valid_examples=4")
    run = trained(tmp_path / "run", *words, "run.examples=4", "data.max_train_examples=64")
    found = heads(run)
    assert len(found) == 4 and all(len(one) == 4 for one in found)
    rewards = [[float(head.split()[-4].strip(",")) for head in one[1:3]] for one in found]
    assert [one[1].startswith("preferred: reward") for one in found] == [True] * 4
    margin = sum(first - second for first, second in rewards) / 4
    assert margin == pytest.approx(run.curves["valid/margin"].values[-1], abs=1e-2)


@pytest.mark.slow
def test_rows_that_are_corrupt_are_in_the_page_with_their_line(tmp_path: Path) -> None:
    rows: list[Any] = [{**SAID, "label": "card" if n % 2 else "cash"} for n in range(64)]
    rows[5] = {**SAID, "text": None}
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "valid.jsonl").write_text("\n".join(map(json.dumps, rows[8:24])))
    data = {"source": "files", "folder": str(tmp_path), "train": "train.jsonl", "workers": 0}
    data |= {"valid": "valid.jsonl", "max_corrupt": 3}
    run = trained(tmp_path / "run", "bert-base-sst2-finetune", "--tiny", f"data={json.dumps(data)}")
    [one] = run.happened("corrupt")
    assert (one["set"], one["row"]) == ("train", 5) and "train.jsonl line 6" in one["why"]
    assert "train.jsonl line 6" in page_of([run], "")


@pytest.mark.slow
def test_a_mixture_is_asked_about_rows_of_each_part(tmp_path: Path) -> None:
    parts = {name: {"weight": 1, "data": BUILT_IN} for name in ("a", "b")}
    data = {"source": "mixture", "workers": 0, "parts": parts}
    words = ("gpt2-small-openwebtext", "--tiny", f"data={json.dumps(data)}")
    run = trained(tmp_path / "run", *words, "data.max_valid_examples=16", "run.examples=4")
    assert [one["set"] for one in run.examples["examples"]] == ["a", "a", "b", "b"]
    assert "Examples of each part" in page_of([run], "")
