"""What a report says at its top of a run against what was wanted of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.test_report import written
from zoo.reporting.page import page_of
from zoo.reporting.reading import Run, read_run
from zoo.reporting.standing import parameters_of


def page_with(root: Path, **status: Any) -> str:
    written(root, 9)
    (root / "status.json").write_text(json.dumps({"step": 4, "at": 1.0, **status}))
    return page_of([read_run(root)], "").split("<nav")[0]


@pytest.mark.parametrize(
    "status",
    [
        {"state": "failed", "exit_code": 3, "error": "the loss is not finite"},
        {"state": "stopped", "exit_code": 143},
        {"state": "running"},  # and nothing heard of it since: it was killed
    ],
)
def test_a_run_that_did_not_end_says_so_first_and_how_it_goes_on(
    tmp_path: Path, status: dict[str, Any]
) -> None:
    step = 9 if status["state"] == "running" else 4  # rows know more than the last heartbeat
    top = page_with(tmp_path / "a", **status)
    assert f"zoo train {tmp_path / 'a'}" in top and f"at step {step}" in top
    assert status.get("error", "") in top


def test_a_run_that_is_done_needs_no_way_on(tmp_path: Path) -> None:
    assert "zoo train" not in page_with(tmp_path / "a", state="done")


def test_what_was_expected_stands_beside_what_was_reached(tmp_path: Path) -> None:
    band = {"score": "valid/accuracy", "value": 0.75, "low": 0.8, "high": None, "inside": False}
    top = page_with(tmp_path / "a", state="done", expected={"valid/accuracy": band})
    assert (
        'class="wrong"' in top
        and "valid/accuracy: 0.75, outside what is expected: at least 0.8" in top
    )


def test_parameters_that_are_not_trained_are_told_apart(tmp_path: Path) -> None:
    start = {"event": "start", "step": 0, "parameters": 1000, "trained": 10}
    assert parameters_of(Run(tmp_path, events=[start])) == "1,000, 10 trained"
    assert parameters_of(Run(tmp_path, events=[start | {"trained": 1000}])) == "1,000"
