"""status.json: how a run stands, for launchers and people, with a heartbeat while it lasts.

States: starting, running; then done, stopped (by a signal), refused (before it ran) or failed, with
the exit code and the last error. Only who holds the folder's lease writes it, and a rank that fails
while its group does.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from zoo.errors import ConfigError, Fault, Told
from zoo.recipe import Recipe, origin
from zoo.recipe.compose.catalog import RECIPE
from zoo.training.disk.lease import BEAT, Lease, take
from zoo.training.disk.writing import move_aside, told_in_a_line, write_json

STATUS = "status.json"
REFUSED, CRASHED = 2, 1
_SIGNALLED = 128  # and the number of a signal
_SHOWN = 5  # touches of the lease between two heartbeats in status.json
_FIRST = 2.0  # seconds that rank 0 has to say how the run ended
_LONGEST = 2000  # characters of an error


class Status:
    """What rank 0 says of the run; other ranks, whose lease is the group's, say how they fail."""

    def __init__(self, root: Path, lease: Lease | None) -> None:
        self.root, self.lease, self.first = root, lease, lease is not None
        self.step: Callable[[], int] | None = None
        self.lock = threading.Lock()
        self.values: dict[str, Any] = {"state": "starting", "exit_code": None}
        self.values |= {"started": time.time(), "pid": os.getpid(), "host": socket.gethostname()}

    def say(self, state: str, exit_code: int | None = None, **more: Any) -> None:
        """Writes the state, with what is known beside it; rank 0 does."""
        if self.first and self.lease is not None and self.lease.held:
            with self.lock:
                self.values |= {"state": state, "exit_code": exit_code, "at": time.time()} | more
                _write(self.root / STATUS, self.values)

    def ended(self, error: BaseException) -> None:
        """Says that the run ended with an error, unless a rank has said so before, or rank 0 will:
        what all ranks have is its to say, and it is waited for, as launchers kill it when we leave.
        """
        if self.lease is None or not self.lease.held:
            return
        if isinstance(error, Told) and error.everywhere and not self.first:
            end = time.monotonic() + _FIRST
            while _goes_on(_read(self.root / STATUS)) and time.monotonic() < end:
                time.sleep(0.02)
            return
        code, now = exit_code_of(error), _read(self.root / STATUS)
        own = now.get("started") == self.values["started"]
        if not _goes_on(now) and (own or not self.first):
            return
        self.values = self.values if self.first else now
        begun = self.values.get("state") != "starting"
        state = "refused" if code == REFUSED and not begun else "failed"
        state = "stopped" if code > _SIGNALLED else state
        with self.lock:
            self.values |= {"state": state, "exit_code": code, "at": time.time()} | self.known()
            _write(self.root / STATUS, self.values | {"error": _told(error)})

    def known(self) -> dict[str, int]:
        """The last finished step, once there is one."""
        return {"step": self.step()} if self.step is not None else {}

    def beat(self) -> None:
        """Says that the run still lives, unless a rank has said that it failed."""
        with self.lock, suppress(OSError):
            if _read(self.root / STATUS).get("state") == self.values["state"]:
                self.values |= {"at": time.time()} | self.known()
                write_json(self.root / STATUS, self.values)

    def follow(self, step: Callable[[], int]) -> None:
        """Lets heartbeats tell the step, and the end the last one."""
        self.step = step

    def start_over(self) -> Path | None:
        """Renames the folder to `.1`, `.2`, ... and takes a new one; returns the old one's name, or
        None where nothing has run in it.

        Raises ResumeError where another process is faster.
        """
        if not (self.root / RECIPE).exists():
            return None
        old, self.lease = self.lease, None
        assert old is not None, "only who holds a folder may move it"
        with told_in_a_line(self.root):
            old.root = move_aside(self.root, ".")
        old.release()
        self.lease = take(self.root)
        self.say("starting")
        return old.root


@contextmanager
def held(recipe: Recipe, root: Path, first: bool) -> Iterator[Status]:
    """Holds a run's folder while it lasts, on rank 0 (`first`), and tells how that ends.

    Raises ResumeError where another living process holds it, ConfigError where it cannot be
    written.
    """
    try:
        status = Status(root, take(root) if first else None)
    except OSError as error:
        key, found = "run.folder", f"{root} ({error.strerror})"
        allowed = "a folder that can be written"
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed)]) from None
    status.say("starting")
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(status, done), daemon=True)
    if first:
        thread.start()
    try:
        yield status
    except BaseException as error:
        status.ended(error)
        raise
    finally:
        done.set()
        if first:
            thread.join()
            if status.lease is not None:
                status.lease.release()


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """While it lasts, SIGTERM and SIGUSR1 raise SystemExit, so that `held` tells the end of what is
    prepared before there is a step to finish.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(_SIGNALLED + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code_of(error: BaseException) -> int:
    """With which code the process ends."""
    if isinstance(error, Told):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return _SIGNALLED + signal.SIGINT
    code = error.code if isinstance(error, SystemExit) else CRASHED
    return code if isinstance(code, int) else CRASHED


def _beat(status: Status, done: threading.Event) -> None:
    """Touches the lease until the run is over; one that has lost its folder stops as by SIGTERM."""
    beats = 0
    while not done.wait(BEAT):
        lease, beats = status.lease, beats + 1
        if lease is None:
            continue
        if not lease.held:
            print(f"{status.root} was taken over by another run: this one stops", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        lease.beat()
        if beats % _SHOWN == 0:
            status.beat()


def _told(error: BaseException) -> str:
    """An error as a person reads it: ours speak for themselves, of others the type does."""
    text = str(error) if isinstance(error, Told) else f"{type(error).__name__}: {error}"
    return text[:_LONGEST]


def _read(path: Path) -> dict[str, Any]:
    """What the file says, empty where it cannot be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _goes_on(values: dict[str, Any]) -> bool:
    """Whether nobody has said that the run ended."""
    return values.get("state") in ("starting", "running")


def _write(path: Path, values: dict[str, Any]) -> None:
    """Writes the status, in place where a full disk has no room for another file beside it."""
    with suppress(OSError):
        try:
            write_json(path, values)
        except OSError:
            with path.open("r+", encoding="utf-8") as file:
                file.write(json.dumps(values))
                file.truncate()
