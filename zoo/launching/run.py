"""Runs a launcher: signals handed on, and the exit code that the run itself meant."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from zoo.errors import ConfigError, Fault

_POLL = 0.2  # seconds
_PATIENCE = 600.0  # seconds that workers may take to save after their launcher is gone


def launch(
    argv: Sequence[str],
    status_file: Path,
    environment: Mapping[str, str] = os.environ,
    needs: Sequence[str] = (),
) -> int:
    """Runs the command; returns the run's exit code: a fresh status.json's, else the launcher's.

    torchrun and accelerate turn every failure into 1, and the deepspeed launcher dies of a signal
    before its workers have saved; so SIGTERM and SIGINT go to all processes of the launcher, and
    all of them are waited for. Raises ConfigError where the launcher is not installed, or a program
    that it `needs`.
    """
    missing = [name for name in (argv[0], *needs) if not _installed(name, environment)]
    if missing:
        allowed = "a launcher that is installed, with what it starts"
        raise ConfigError([Fault("command line", "--with", ", ".join(missing), allowed)])
    before = _status(status_file)
    with _handed_on() as groups:
        # A session of its own: Ctrl-C then comes from us alone, not from the terminal as well.
        child = subprocess.Popen(
            [str(_installed(argv[0], environment)), *argv[1:]],
            env=dict(environment),
            start_new_session=True,
        )
        groups.append(child.pid)
        code = child.wait()
        _wait_for_group(child.pid)
    return _meant(code, _fresh_code(before, _status(status_file)))


def _installed(program: str, environment: Mapping[str, str]) -> str | None:
    return shutil.which(program, path=environment.get("PATH"))


def launch_environment(
    environment: Mapping[str, str], per_node: int, binaries: Path | None = None
) -> dict[str, str]:
    """For a launcher: this interpreter's programs first, one thread where processes share CPUs."""
    place = binaries or Path(sys.executable).parent
    prepared = dict(environment)
    prepared["PATH"] = os.pathsep.join([str(place), environment.get("PATH", os.defpath)])
    if per_node > 1:
        prepared.setdefault("OMP_NUM_THREADS", "1")
    return prepared


@contextmanager
def _handed_on() -> Iterator[list[int]]:
    """While it lasts, SIGTERM and SIGINT of this process go to the groups put into the list, and
    SIGUSR1, a batch system's notice, as SIGTERM: launchers would die of it.
    """
    groups: list[int] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        if not groups:  # nothing has started: end as if there were no handler
            raise SystemExit(128 + number)
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM if number == signal.SIGUSR1 else number)

    before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {
        number: signal.signal(number, hand_on)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    }
    try:
        yield groups
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_group(group: int) -> None:
    """Returns when no process of the group runs any more (orphans nobody reaps do not count)."""
    end = time.monotonic() + _PATIENCE
    while _running(group) and time.monotonic() < end:
        time.sleep(_POLL)


def _running(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    states = (_group_and_state(path) for path in Path("/proc").glob("[0-9]*/stat"))
    return any(found == group and state != "Z" for found, state in states)


def _group_and_state(path: Path) -> tuple[int, str]:
    """Process group and state letter: fields 5 and 3 of proc(5), after the name in brackets."""
    try:
        state, _, group = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return 0, "Z"
    return int(group), state


def _status(file: Path) -> dict[str, Any]:
    """What a run's status.json says; empty where there is none that can be read."""
    try:
        status = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def _fresh_code(before: Mapping[str, Any], after: Mapping[str, Any]) -> int | None:
    """The exit code that our run wrote; None if there is none, or an earlier run's.

    A run is told by when it started, by whatever clock: other machines have clocks of their own.
    """
    ours = "started" in after and after["started"] != before.get("started")
    code = after.get("exit_code")
    return code if ours and isinstance(code, int) else None


def _meant(launcher: int, run: int | None) -> int:
    """The run's code if it tells more than the launcher's; a signal counts as 128 + its number."""
    code = 128 - launcher if launcher < 0 else launcher
    return run if run is not None and (run != 0 or launcher < 0) else code
