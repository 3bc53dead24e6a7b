"""Which files of a shared folder somebody still reads, or is about to."""

import fcntl
import itertools
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_DAY = 86_400  # seconds
_numbers = itertools.count()


class Claims:
    """One reader's names, noted in `folder` beside those of other readers and processes.

    A note ends with its process, whose lock on it is gone then. Whoever calls holds what keeps
    others from reading or writing notes meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.note: IO[str] | None = None
        self.pid = -1

    def say(self, names: Sequence[str]) -> None:
        """These names, the soonest first, and no longer those that were said before."""
        if self.note is None or self.pid != os.getpid():  # a forked process has its own
            if not names:
                return
            self.pid = os.getpid()
            self.folder.mkdir(parents=True, exist_ok=True)
            name = f"{socket.gethostname()}.{self.pid}.{next(_numbers)}"
            self.note = (self.folder / name).open("w+", encoding="utf-8")
            fcntl.flock(self.note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.note.seek(0)
        self.note.truncate()
        self.note.write("\n".join(names))
        self.note.flush()

    def standing(self) -> dict[str, int]:
        """What all claim: the names, and how many are claimed before each by who needs it soonest.

        Removes the notes of processes that are no more.
        """
        found: dict[str, int] = {}
        for path in self.folder.glob("*"):
            with suppress(FileNotFoundError), path.open(encoding="utf-8") as note:
                if _is_left(note, path):
                    path.unlink()
                    continue
                for place, name in enumerate(note.read().split("\n")):
                    found[name] = min(place, found.get(name, place))
        return found

    def __getstate__(self) -> dict[str, object]:
        """What another process starts with: no note."""
        return {"folder": self.folder, "note": None, "pid": -1}


def _is_left(note: IO[str], path: Path) -> bool:
    """Whether nobody has the note any more; those of another machine are believed for a day."""
    if not path.name.startswith(f"{socket.gethostname()}."):
        return time.time() - path.stat().st_mtime > _DAY
    try:
        fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
