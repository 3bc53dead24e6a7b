"""What a run says of itself in passing."""

from pathlib import Path
from typing import Any

import pytest

from zoo.training.folder import RunFolder
from zoo.training.logs.log import Log
from zoo.training.logs.screen import Screen


def test_steps_that_wait_for_data_are_said_once_and_not_for_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    log = Log(RunFolder(tmp_path), (), 0, True)
    said = []
    for waited in (0.9, 0.1, 0.45, 0.6):
        log.waiting({"data_seconds": waited, "step_seconds": 1.0}, 3)
        said.append(capsys.readouterr().err)
    log.close()
    assert [bool(text) for text in said] == [False, False, True, False]
    assert "45% of a step's time" in said[2] and "data.workers" in said[2] and "(3 now)" in said[2]


def test_what_was_scored_stands_beside_the_loss_at_once(tmp_path: Path) -> None:
    log = Log(RunFolder(tmp_path), (), 0, True)
    log.screen = Screen(4, 0)
    rates = dict.fromkeys(("examples_per_second", "targets_per_second", "memory_gib"), 1.0)
    log.progress({"step": 4, "loss": 2.0, "lr": 0.1, **rates}, 4, "targets")
    log.scored({"valid/top_1": 0.5})
    assert log.screen.facts[:2] == ["loss 2.0000", "valid/top_1 0.5"]
    log.end()
    log.close()
