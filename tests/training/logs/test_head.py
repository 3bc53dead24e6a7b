"""What a run says before its first step."""

from pathlib import Path
from typing import Any

import pytest

from tests.runs import twin
from tests.terminal import shown_by
from zoo.layout import Layout
from zoo.recipe import load_recipe
from zoo.training.logs.head import head_of, in_lines

FACTS: dict[str, Any] = {
    "devices": ["NVIDIA H100 80GB HBM3"],
    "hosts": ["a", "b"],
    "processes": 4,
    "trained": 250,
    "parameters": 1000,
    "steps": 300,
    "steps_per_epoch": 200,
    "train": 12345,
    "valid": {"valid": 678},
}


WORDS = ("run.batch=32", "run.micro_batch=4")


def head(step: int = 0, **more: Any) -> dict[str, str]:
    recipe = load_recipe(twin("causal-lm"), WORDS, tiny=True)
    return head_of(recipe, Layout.of(data=4), FACTS | more, Path("/data/run"), step)


def test_the_arithmetic_of_a_batch_is_said() -> None:
    assert head()["batch"] == "4 x 4 data ranks x 2 accumulated = 32 examples"


def test_a_head_counts_parameters_steps_and_rows() -> None:
    told = head(step=50)
    assert told["parameters"] == "250 trained of 1,000 (25.00%)"
    assert told["steps"] == "300, 1.5 epochs of 200; 50 are done"
    assert told["data"] == "train 12,345, valid 678"
    assert told["device"] == "NVIDIA H100 80GB HBM3, on 2 hosts"
    assert told["run folder"] == "/data/run"
    assert head(trained=1000)["parameters"] == "1,000, all trained"


def test_in_a_pipe_a_head_is_two_lines() -> None:
    lines = in_lines(head())
    assert len(lines) == 2 and lines[1].startswith("run folder /data/run | to stop: ")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_no_row_is_wider_than_it_and_each_has_its_name(columns: int) -> None:
    told = head() | {"device": "NVIDIA H100 80GB HBM3 " * 5}
    program = f"from zoo.training.logs.head import tell_head; tell_head({told!r})"
    shown, written = shown_by(columns, "-c", program)
    assert {line.split("  ")[0] for line in shown if line[0] != " "} == set(told)
    written_lines = written.replace("\x1b[2m", "").replace("\x1b[0m", "").splitlines()
    assert max(len(line.rstrip()) for line in written_lines) <= columns
    assert len(written_lines) == len(shown), "the terminal folded none"
