"""A command on a terminal of so many columns, and what its screen shows at last."""

import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[1]
HIGH = 200


def screen(columns: int, *words: str, folder: Path | None = None) -> list[str]:
    """The lines of the screen after `zoo WORDS`, blank ones left out."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm", "PYTHONPATH": str(ROOT), "DS_ACCELERATOR": "cpu"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            os.environ.pop(name, None)
        os.chdir(folder or ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "zoo", *words])
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", HIGH, columns, 0, 0))
    shown = pyte.Screen(columns, HIGH)
    stream = pyte.ByteStream(shown)
    while data := _read(descriptor):
        stream.feed(data)
    os.waitpid(pid, 0)
    os.close(descriptor)
    assert not shown.cursor.hidden
    return [line.rstrip() for line in shown.display if line.strip()]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""
