"""A command on a terminal of so many columns, and what its screen shows at last."""

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[1]
HIGH = 200


def screen(columns: int, *words: str, folder: Path | None = None) -> list[str]:
    """The lines of the screen after `zoo WORDS`, blank ones left out."""
    return shown_by(columns, "-m", "zoo", *words, folder=folder)[0]


def shown_by(
    columns: int, *words: str, folder: Path | None = None, answers: Sequence[tuple[str, str]] = ()
) -> tuple[list[str], str]:
    """The same of any words for python, and all that was written on the way.

    `answers` are typed one after the other, each as soon as its question was written.
    """
    pid, descriptor = pty.fork()
    if pid == 0:
        # Not os.environ alone: readline writes the widths of another terminal below it.
        environment = os.environ | {"TERM": "xterm", "DS_ACCELERATOR": "cpu"}
        environment["PYTHONPATH"] = str(ROOT)
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        os.chdir(folder or ROOT)
        os.execve(sys.executable, [sys.executable, *words], environment)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", HIGH, columns, 0, 0))
    shown = pyte.Screen(columns, HIGH)
    stream = pyte.ByteStream(shown)
    written, waits = b"", list(answers)
    heard = 0
    while data := _read(descriptor):
        stream.feed(data)
        written += data
        if waits and (at := written.find(waits[0][0].encode(), heard)) >= 0:
            heard = at + len(waits[0][0])
            os.write(descriptor, waits.pop(0)[1].encode() + b"\n")
    assert not waits, f"never asked: {waits}"
    os.waitpid(pid, 0)
    os.close(descriptor)
    assert not shown.cursor.hidden
    lines = [line.rstrip() for line in shown.display if line.strip()]
    return lines, written.decode("utf-8", errors="replace")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""
