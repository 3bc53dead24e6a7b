"""status.json always ends right: with the state, the exit code and the last error."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runs import twin
from zoo.errors import ConfigError, DiskError, Fault, ResumeError
from zoo.recipe import load_recipe
from zoo.training.disk import status as module
from zoo.training.disk.lease import take
from zoo.training.disk.status import Status, held, stopped_by_signals

RECIPE = load_recipe(twin("sequence-classification"), tiny=True)
FAULT = ConfigError([Fault("recipe", "run.steps", "0", "more")])


def said(root: Path) -> dict[str, Any]:
    """What status.json says."""
    values: dict[str, Any] = json.loads((root / "status.json").read_text())
    return values


@pytest.mark.parametrize(
    ("error", "runs", "state", "code"),
    [
        (FAULT, False, "refused", 2),
        (FAULT, True, "failed", 2),
        (ResumeError("no checkpoint"), True, "failed", 2),
        (DiskError("/x: No space left on device"), True, "failed", 1),
        (KeyError("valid/f1"), True, "failed", 1),
        (KeyboardInterrupt(), True, "stopped", 130),
        (SystemExit(7), False, "failed", 7),
    ],
)
def test_whatever_ends_a_run_stands_in_its_status(
    error: BaseException, runs: bool, state: str, code: int, tmp_path: Path
) -> None:
    with pytest.raises(type(error)), held(RECIPE, tmp_path / "run", True) as status:
        assert said(tmp_path / "run")["state"] == "starting"
        if runs:
            status.follow(lambda: 12)
            status.say("running")
        raise error
    found = said(tmp_path / "run")
    assert (found["state"], found["exit_code"]) == (state, code)
    assert str(error) in found["error"] and found["error"]
    assert found.get("step") == (12 if runs else None)


def test_ranks_that_leave_with_what_all_have_wait_until_rank_0_has_said_it(tmp_path: Path) -> None:
    first = Status(tmp_path, take(tmp_path))
    first.say("running")
    other = Status(tmp_path, None)
    other.lease = first.lease
    fault = ConfigError([Fault("recipe", "run.steps", "0", "more")])
    fault.everywhere = True
    threading.Timer(0.2, first.ended, [fault]).start()
    other.ended(fault)
    assert said(tmp_path)["state"] == "failed"


def test_a_signal_while_a_run_is_prepared_stands_in_its_status(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    ends = pytest.raises(SystemExit)
    with ends as caught, held(RECIPE, tmp_path, True), stopped_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert caught.value.code == 143 and signal.getsignal(signal.SIGTERM) == before
    assert (said(tmp_path)["state"], said(tmp_path)["exit_code"]) == ("stopped", 143)


def test_a_folder_that_cannot_be_written_is_a_fault_of_its_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = pytest.raises(ConfigError, match=r"run\.folder: found .*Not a directory")
    with refused, held(RECIPE, tmp_path / "file" / "run", True):
        pass


def test_a_full_disk_does_not_keep_a_run_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, value: Any) -> None:
        raise OSError(28, "No space left on device", str(path))

    with pytest.raises(DiskError), held(RECIPE, tmp_path, True) as status:
        status.say("running", long="x" * 500)
        monkeypatch.setattr(module, "write_json", full)
        raise DiskError("the disk is full")
    found = said(tmp_path)
    assert (found["state"], found["error"]) == ("failed", "the disk is full")


def test_a_rank_that_fails_alone_is_heard_and_not_overwritten(tmp_path: Path) -> None:
    lease = take(tmp_path)
    first, third = Status(tmp_path, lease), Status(tmp_path, None)
    first.say("running")
    third.ended(KeyError("before it knows whose folder it is"))
    assert said(tmp_path)["state"] == "running"
    third.lease = lease  # as after the ranks have met
    third.ended(KeyError("its own"))
    first.beat()
    first.ended(RuntimeError("connection closed by peer"))
    found = said(tmp_path)
    assert (found["state"], found["error"]) == ("failed", "KeyError: 'its own'")
    assert found["started"] == first.values["started"]
    first.say("done", 0)
    third.ended(KeyError("late"))
    assert said(tmp_path)["state"] == "done"


def test_a_heartbeat_shows_that_a_run_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    with held(RECIPE, tmp_path, True) as status:
        status.follow(lambda: 3)
        status.say("running")
        began, touched = said(tmp_path)["at"], status.lease.path.stat().st_mtime_ns
        end = time.monotonic() + 20
        while said(tmp_path)["at"] == began and time.monotonic() < end:
            time.sleep(0.01)
        assert said(tmp_path)["step"] == 3
        assert status.lease.path.stat().st_mtime_ns > touched


def test_a_run_that_lost_its_folder_stops_and_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    stops: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: stops.append(number))
    try:
        with held(RECIPE, tmp_path, True) as status:
            status.say("running")
            (tmp_path / ".lease" / "00000002.json").write_text("{}")
            end = time.monotonic() + 20
            while not stops and time.monotonic() < end:
                time.sleep(0.01)
            status.say("stopped", 143)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stops == [signal.SIGTERM]
    assert said(tmp_path)["state"] == "running", "that is the other run's now"


def test_starting_over_keeps_the_old_folder_and_its_lease_is_free(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with held(RECIPE, root, True) as status:
        assert status.start_over() is None, "nothing has run there"
        (root / "recipe.json").write_text("{}")
        assert status.start_over() == tmp_path / "run.1"
        status.say("done", 0)
    assert (tmp_path / "run.1" / "recipe.json").exists() and said(root)["state"] == "done"
    assert take(tmp_path / "run.1").number == 2
    assert take(root).number == 2
