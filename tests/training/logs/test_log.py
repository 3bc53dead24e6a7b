"""What a run says of itself in passing."""

from pathlib import Path
from typing import Any

import pytest

from zoo.training.folder import RunFolder
from zoo.training.logs.log import Log


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
