"""Shards on this machine's disk: each made once for all of its processes, the least lately used
removed where they are more than a budget."""

import os
import re
import socket
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from zoo.data.remote.trying import Unreachable

_LOCKS = 512  # files; two shards that share one are fetched one after the other


class ShardCache:
    """Files by name in one folder; `limit` is the bytes that they may take, None: no end.

    A file that is removed stays readable for who has it open or mapped. Processes may share a
    folder, also with different limits: each removes down to its own.
    """

    def __init__(self, root: Path, limit: int | None) -> None:
        self.root, self.limit = root, limit
        (root / "locks").mkdir(parents=True, exist_ok=True)
        self._clear()

    def path(self, name: str, size: int, make: Callable[[Path], None]) -> Path:
        """The file, made first if it is not there: `make` writes about `size` bytes into a path.

        Of several processes one makes it and the others wait. Between this call and an `open` it
        may be removed: ask again on FileNotFoundError. Raises what `make` does.
        """
        target = self.root / name
        with suppress(FileNotFoundError):
            os.utime(target)  # its last use
            return target
        lock = f"{zlib.crc32(name.encode()) % _LOCKS:03x}"
        with FileLock(self.root / "locks" / lock):
            if not target.exists():
                self._make(target, size, make)
        return target

    def used(self, name: str) -> None:
        """Notes that a file is in use, if it is still there."""
        with suppress(FileNotFoundError):
            os.utime(self.root / name)

    def _make(self, target: Path, size: int, make: Callable[[Path], None]) -> None:
        self._shrink(target, size)
        thread = threading.get_ident()
        part = target.with_name(f"{target.name}.{socket.gethostname()}.{os.getpid()}.{thread}.part")
        try:
            make(part)
            part.replace(target)
        except OSError as error:
            if isinstance(error, Unreachable):
                raise
            why = f"{target.parent}: {error.strerror or error} (data.cache, data.cache_limit)"
            raise Unreachable(f"a shard cannot be written below {why}") from error
        finally:
            part.unlink(missing_ok=True)
        self._shrink(target, 0)

    def _shrink(self, kept: Path, more: int) -> None:
        """Removes the least lately used but for `kept`, until `more` bytes have room."""
        if self.limit is None:
            return
        with FileLock(self.root / "locks" / "shrink"):
            found = []
            for path in self.root.iterdir():
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    if path.is_file() and path.suffix != ".part":
                        found.append((stat.st_mtime_ns, stat.st_size, path))
            held = sum(size for _, size, _ in found) + more
            for _, size, path in sorted(found):
                if held <= self.limit:
                    return
                if path != kept:
                    path.unlink(missing_ok=True)
                    held -= size

    def _clear(self) -> None:
        """Removes what killed processes of this machine have left half written."""
        ours = re.compile(rf"\.{re.escape(socket.gethostname())}\.(\d+)\.[\d.]+part$")
        for part in self.root.glob("*.part"):
            found = ours.search(part.name)
            if found and not _lives(int(found[1])):
                part.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
