"""Built-in `stdlib-text`: source of the Python standard library, docstrings and all, by file."""

import hashlib
import os
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from zoo.data.sources.file_rows import TextFiles
from zoo.data.sources.opened import Opened, Wanted

# Tests and bundled programs are not the library; the others are tables, or differ between machines.
_LEFT_OUT = frozenset(
    {"test", "tests", "idle_test", "idlelib", "lib2to3", "site-packages", "dist-packages"}
    | {"__pycache__", "encodings", "pydoc_data", "lib-dynload"}
)
_SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}


def library() -> Path:
    """The folder of the standard library."""
    return Path(sysconfig.get_path("stdlib"))


@cache
def library_files() -> tuple[str, ...]:
    """Paths of the library's .py files, relative to it, sorted."""
    root = library()
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in _LEFT_OUT]
        chosen = (n for n in names if n.endswith(".py") and not n.startswith("_sysconfigdata"))
        found += [Path(folder, name).relative_to(root).as_posix() for name in chosen]
    return tuple(sorted(found))


def split_of(path: str, shares: Mapping[str, float]) -> str:
    """The split a file belongs to: its path's hash, a number in [0, 1), laid on the shares."""
    place = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8]) / 2**64
    for split, share in shares.items():
        place -= share
        if place < 0:
            return split
    return split


def open_text(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train, validation and test, about 90, 5 and 5 % of the files."""
    folder = library()
    return Opened(TextFiles([folder / p for p in library_files() if split_of(p, _SHARES) == split]))
