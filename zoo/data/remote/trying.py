"""One thing that a server is asked for, tried until it comes or nothing has come for too long."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from zoo.data.remote.places import shown

Result = TypeVar("Result")
FINAL = (401, 403, 404, 410)
"""HTTP's answers that do not change by asking again."""
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError, NotImplementedError)
_FIRST, _LONGEST = 0.2, 30.0  # seconds between two tries; doubled from one to the other
_LOOK = 0.5  # seconds between two looks at what has come


class Unreachable(OSError):
    """What no try could bring; the message says which URL, what was tried and what came of it.

    It has no number of an error of this machine: the loader ends the run on all ranks instead of
    reading the row again.
    """


class Denied(Unreachable):
    """What its server has answered for good: that it is not there, or for others."""


class _Stalled(Exception): ...


def tried(
    what: str,
    action: Callable[[bool], Result],
    seconds: float,
    come: Callable[[], int] = lambda: 0,
) -> Result:
    """What `action` returns; raises Unreachable.

    It is called again with growing pauses until for `seconds` no more of it has `come` than ever
    before (bytes), and told whether it is called again. It may hang: it runs in a thread that is
    left behind then.
    """
    state = _Progress(come)
    tries, pause = 0, _FIRST
    while True:
        tries += 1
        try:
            return _watched(action, tries > 1, seconds, state)
        except Exception as error:
            reason, final = said(error), is_final(error)
        if final:
            raise Denied(f"{shown(what)}: {reason}; asking again does not help")
        wait = pause * random.uniform(0.5, 1.0)  # many ranks must not ask at the same moment
        left = seconds - state.silent()
        if left <= 0:
            word = "try" if tries == 1 else "tries"
            raise Unreachable(
                f"{shown(what)}: nothing of it came for {seconds:g} s (data.timeout), in {tries} "
                f"{word}; the last: {reason}"
            )
        time.sleep(max(0.0, min(wait, left)))
        pause = min(2 * pause, _LONGEST)


class _Progress:
    """How long it is that more has come than ever before."""

    def __init__(self, come: Callable[[], int]) -> None:
        self.come, self.most, self.since = come, 0, time.monotonic()

    def silent(self) -> float:
        """Seconds."""
        come = self.come()
        if come > self.most:
            self.most, self.since = come, time.monotonic()
        return time.monotonic() - self.since


def _watched(
    action: Callable[[bool], Result], again: bool, seconds: float, state: _Progress
) -> Result:
    """What the action returns or raises; _Stalled where nothing comes."""
    done, ended = threading.Event(), dict[str, Any]()

    def act() -> None:
        try:
            ended["result"] = action(again)
        except BaseException as error:
            ended["error"] = error
        done.set()

    threading.Thread(target=act, daemon=True, name="zoo-fetch").start()
    while not done.wait(min(_LOOK, seconds / 4)):
        if state.silent() > seconds:
            raise _Stalled("the server is silent")
    if "error" in ended:
        raise ended["error"]
    result: Result = ended["result"]
    return result


def is_final(error: Exception) -> bool:
    """Whether asking again would bring the same."""
    return isinstance(error, _FINAL) or _status(error) in FINAL


def _status(error: Exception) -> int | None:
    """The HTTP status of an answer, where the error knows it."""
    answer = getattr(error, "response", None)
    found = getattr(error, "status", None) or getattr(answer, "status_code", None)
    return found if isinstance(found, int) else None


def said(error: Exception) -> str:
    """An error in one line, without what only its server should know."""
    text = " ".join(str(error).split())[:300]
    status = _status(error)
    kind = type(error).__name__ if status is None else f"HTTP {status}"
    return shown(f"{kind}: {text}" if text else kind)
