"""One process at a time holds a run's folder, whoever crashes and wherever the others are."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import forked
from tests.ranks import started
from tests.runs import twin
from zoo.errors import ResumeError
from zoo.training.disk import lease
from zoo.training.disk.lease import take

ELSEWHERE = {"host": "node-7", "boot": "another", "space": "pid:[1]", "pid": 7, "begun": "1"}


def hold(root: Path, said: Path) -> int:
    """Takes the folder and stays."""
    take(root)
    said.touch()
    signal.pause()
    return 0


@contextmanager
def held_by_another_process(root: Path) -> Iterator[int]:
    """A process of this machine that holds the folder; its pid."""
    said = root.with_name("said")
    process = started(hold, root, said)
    try:
        end = time.monotonic() + 30
        while not said.exists() and time.monotonic() < end:
            time.sleep(0.01)
        yield process.pid or 0
    finally:
        process.kill()
        process.join()


def held_elsewhere(root: Path, **more: object) -> Path:
    """A lease that a process of another machine took just now."""
    path = root / ".lease" / "00000001.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(ELSEWHERE | more))
    return path


def test_a_second_start_is_refused_while_the_first_lives_and_takes_over_when_it_is_killed(
    tmp_path: Path,
) -> None:
    root = tmp_path / "run"
    with held_by_another_process(root) as pid:
        began = time.monotonic()
        with pytest.raises(ResumeError, match=f"in use by process {pid} on "):
            take(root)
        said = forked("train", str(twin("sequence-classification")), f"run.folder={root}")
        assert time.monotonic() - began < 5
        assert said.returncode == 2 and said.stderr.count("\n") == 1, said.stderr
        assert not (root / "status.json").exists(), "the first one's status is its own"
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)  # nobody has waited for it: it is a zombie, and dead all the same
        began = time.monotonic()
        assert take(root).number == 2
        assert time.monotonic() - began < 1


def test_of_many_that_start_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    for number in range(20):
        root, won, lost = tmp_path / str(number), [], []

        def race(root: Path = root, won: list[int] = won, lost: list[str] = lost) -> None:
            try:
                won.append(take(root).number)
            except ResumeError as error:
                lost.append(str(error))

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (won, len(lost)) == ([1], 7)


def test_a_holder_elsewhere_that_beats_is_refused_within_five_seconds(tmp_path: Path) -> None:
    path, done = held_elsewhere(tmp_path), threading.Event()

    def beat() -> None:
        while not done.wait(lease.BEAT):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    began = time.monotonic()
    with pytest.raises(ResumeError, match="in use by process 7 on node-7"):
        take(tmp_path)
    assert time.monotonic() - began < 5
    done.set()
    thread.join()


def test_a_silent_holder_elsewhere_is_outbid_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lease.STALE < 60 and lease.STALE > 3 * lease.BEAT
    monkeypatch.setattr(lease, "STALE", 1.0)
    held_elsewhere(tmp_path)
    began = time.monotonic()
    mine = take(tmp_path)
    assert mine.number == 2 and mine.held
    assert 0.5 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "ended", [{"released": True}, {"old": 3600}, {"reused": True}], ids=lambda how: next(iter(how))
)
def test_a_holder_that_has_gone_is_outbid_at_once(ended: dict[str, int], tmp_path: Path) -> None:
    path = held_elsewhere(tmp_path, released=bool(ended.get("released")))
    if "old" in ended:
        then = time.time() - ended["old"]
        os.utime(path, (then, then))
    if "reused" in ended:  # this process has the number of one that has ended
        boot, space = lease._machine()
        values = ELSEWHERE | {"boot": boot, "space": space, "pid": os.getpid(), "begun": "12"}
        path.write_text(json.dumps(values))
    began = time.monotonic()
    assert take(tmp_path).number == 2
    assert time.monotonic() - began < 0.5


def test_a_lease_that_was_outbid_is_not_held_and_releasing_it_changes_nothing(
    tmp_path: Path,
) -> None:
    mine = take(tmp_path)
    assert mine.held
    mine.release()
    others = take(tmp_path)
    assert others.held and not mine.held
    mine.release()
    with pytest.raises(ResumeError):
        take(tmp_path)


def test_a_copy_of_a_folder_in_use_is_free(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path / "run"):
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        assert take(tmp_path / "copy").number == 2
