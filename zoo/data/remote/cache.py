"""Shards on this machine's disk: each made once for all of its processes, the least lately used
removed where they are more than a budget."""

import os
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from zoo.data.remote.claims import Claims
from zoo.data.remote.trying import Unreachable

_DAY = 86_400  # seconds
_LOOK = 0.5  # seconds between two looks at what others found, while they hold a lock
_ROOM = re.compile(r"\.room(\d+)\.part$")
_LOCKS = 1 << 16  # files; two shards that share one are fetched, and given up, one after the other


class NoRoom(Exception):
    """Others read, or are about to, what would have to be removed."""


class ShardCache:
    """Files by name in one folder; `limit` is the bytes that they may take, None: no end.

    What nobody has claimed is removed first. A file that is removed stays readable for who has it
    open or mapped. Processes may share a folder, also with different limits: each removes down to
    its own.
    """

    def __init__(self, root: Path, limit: int | None) -> None:
        self.root, self.limit = root, limit
        (root / "locks").mkdir(parents=True, exist_ok=True)
        self.claims = Claims(root / "claims")
        self._clear()

    def claim(self, names: Sequence[str]) -> None:
        """These are read or about to be, the soonest first; what was claimed before no longer."""
        with self._sizes():
            self.claims.say(names)

    def path(
        self, name: str, size: int, make: Callable[[Path], None], patient: bool = False
    ) -> Path:
        """The file, made first if it is not there: `make` writes about `size` bytes into a path.

        Of several processes one makes it and the others wait: where it cannot be had, all of them
        are told the one verdict. Between this call and an `open` it may be removed: ask again on
        FileNotFoundError. Raises what `make` does, and NoRoom where it is `patient` and only what
        is claimed could make room.
        """
        target = self.root / name
        with suppress(FileNotFoundError):
            os.utime(target)  # its last use
            return target
        locks, lock = self.root / "locks", f"{zlib.crc32(name.encode()) % _LOCKS:04x}"
        with _in_turn(FileLock(locks / lock), lost := locks / f"{name}.lost"):
            if not target.exists():
                try:
                    self._make(target, size, make, patient)
                except Unreachable as error:
                    self._lose(lost, str(error))
                    raise
                lost.unlink(missing_ok=True)
        return target

    def _lose(self, lost: Path, verdict: str) -> None:
        """Tells those who wait; they read it whole or not at all."""
        part = lost.with_name(f"{lost.name}.{os.getpid()}.{threading.get_ident()}.part")
        part.write_text(verdict, encoding="utf-8")
        part.replace(lost)

    def used(self, name: str) -> None:
        """Notes that a file is in use, if it is still there."""
        with suppress(FileNotFoundError):
            os.utime(self.root / name)

    def _make(self, target: Path, size: int, make: Callable[[Path], None], patient: bool) -> None:
        who = f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
        part = target.with_name(f"{target.name}.{who}.room{size}.part")
        try:
            self._shrink(target, part, patient)
            make(part)
            with self._sizes():  # else who adds sizes up may miss it under both names
                part.replace(target)
        except OSError as error:
            if isinstance(error, Unreachable):
                raise
            why = f"{target.parent}: {error.strerror or error} (data.cache, data.cache_limit)"
            raise Unreachable(f"a shard cannot be written below {why}") from error
        finally:
            part.unlink(missing_ok=True)
        self._shrink(target)

    def _shrink(self, kept: Path, part: Path | None = None, patient: bool = False) -> None:
        """Removes the least lately used but for `kept`, and of what is claimed the latest to be
        read, until what is there has room, and what is being made: of that a `part` tells by its
        name, from now on this one too. Raises NoRoom where it is `patient`, see `path`.
        """
        if self.limit is None:
            return
        with self._sizes():
            if part is not None:
                part.touch()
            claimed, found, held = self.claims.standing(), [], 0
            for path in self.root.iterdir():
                with suppress(FileNotFoundError):
                    stat, room = path.stat(), _ROOM.search(path.name)
                    if room is not None:
                        held += int(room[1])
                    elif path.is_file() and path.suffix != ".part":
                        place = claimed.get(path.name)
                        late = (1, -place, 0) if place is not None else (0, 0, stat.st_mtime_ns)
                        found.append((late, stat.st_size, path))
                        held += stat.st_size
            for late, size, path in sorted(found):
                if held <= self.limit or (patient and late[0]):
                    break
                if path != kept:
                    path.unlink(missing_ok=True)
                    held -= size
            if patient and held > self.limit:
                raise NoRoom

    def _sizes(self) -> FileLock:
        """Held while names in the folder mean something to who adds up its sizes."""
        return FileLock(self.root / "locks" / "shrink")

    def _clear(self) -> None:
        """Removes what killed processes have left half written: of this machine those that are no
        more, of others what is a day old.
        """
        ours = re.compile(rf"\.{re.escape(socket.gethostname())}\.(\d+)\.[\w.]+part$")
        for part in self.root.glob("*.part"):
            found = ours.search(part.name)
            with suppress(FileNotFoundError):
                old = part.stat().st_mtime < time.time() - _DAY
                if old or (found is not None and not _lives(int(found[1]))):
                    part.unlink()


@contextmanager
def _in_turn(lock: FileLock, lost: Path) -> Iterator[None]:
    """Holds the lock once it is free; raises Unreachable if meanwhile others wrote a verdict into
    `lost`, though the lock went to yet others, who came later and try anew.
    """
    before = _written(lost)
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=_LOOK)
        with suppress(FileNotFoundError):  # it came after all
            if _written(lost) not in (None, before):
                verdict = lost.read_text(encoding="utf-8")
                lock.release()
                raise Unreachable(verdict)
        if lock.is_locked:
            break
    try:
        yield
    finally:
        lock.release()


def _written(file: Path) -> int | None:
    """When a file was written last; None where there is none."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
