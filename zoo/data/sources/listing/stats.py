"""Whether files are still what they were, by their names, sizes and times."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo.data.preparing.measuring import measured
from zoo.data.sources.listing.paths import Paths

_FILES = 1 << 14  # that a process asks at a time


def files_digest(paths: Iterable[Path | str]) -> str:
    """Changes with the name, size or time of any file; every file is asked, those of a listing by
    several processes.
    """
    if isinstance(paths, Paths):
        said = measured("looking at files", _Said(paths), len(paths), _FILES)
    else:
        said = [_of(paths)]
    # What zoo.data.rows.digest makes of the list, without a list.
    return hashlib.sha256(b"".join((b"([", b", ".join(said), b"],)"))).hexdigest()[:32]


@dataclass(frozen=True)
class _Said:
    """What files of a listing say of themselves."""

    paths: Paths

    def __call__(self, start: int, stop: int) -> bytes:
        names = map(self.paths.name, range(start, stop))
        return _of(os.path.join(self.paths.root, name) for name in names)


def _of(paths: Iterable[Path | str]) -> bytes:
    stats = ((os.fspath(path), stat_of(path)) for path in paths)
    said = ((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
    return b", ".join(repr(one).encode() for one in said)


def stat_of(path: Path | str) -> os.stat_result:
    """What a file says of itself; of a link that leads nowhere what the link does."""
    try:
        return os.stat(path)
    except OSError:
        return os.lstat(path)
