"""Names of files, and classes of rows, of which millions fit: arrays, no object a row.

What lies in a file of the cache is mapped: ranks and workers of a machine share it, and it is
pickled as the path of that file.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import numpy as np


def mapped(file: Path) -> np.ndarray:
    """The array in a .npy file, as far as it is read; it cannot be written."""
    found: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    return found


class Lean:
    """An object whose mapped arrays are pickled as the paths of their files."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: _by_path(value) for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = mapped(value.file) if isinstance(value, _File) else value


class _File:
    def __init__(self, file: Path) -> None:
        self.file = file


def _by_path(value: Any) -> Any:
    whole = isinstance(value, np.memmap) and value.filename is not None
    return _File(Path(value.filename)) if whole else value


class Paths(Lean, Sequence[Path]):
    """Paths below the folder `root`: the bytes of their names one after the other, uint8, and where
    each ends, int64 (paths,). `digest` changes with every name, size and time, where it is known.
    """

    def __init__(self, root: str, names: np.ndarray, ends: np.ndarray, digest: str = "") -> None:
        self.root, self.letters, self.ends, self.digest = root, names, ends, digest

    @classmethod
    def of(cls, root: str, names: Iterable[str]) -> "Paths":
        """Paths of these names below the root."""
        written = [os.fsencode(name) for name in names]
        ends = np.fromiter(accumulate(map(len, written)), np.int64, len(written))
        return cls(root, np.frombuffer(b"".join(written), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...

    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return Path(self.root, self.name(range(len(self))[index]))

    def name(self, index: int) -> str:
        """The name of a path, from the root on."""
        start = int(self.ends[index - 1]) if index else 0
        return os.fsdecode(self.letters[start : int(self.ends[index])].tobytes())

    def names(self) -> Iterator[str]:
        """All of them."""
        letters, start = self.letters.tobytes(), 0
        for end in self.ends.tolist():
            yield os.fsdecode(letters[start:end])
            start = end

    def written(self) -> Iterator[str]:
        """All paths as text."""
        return (os.path.join(self.root, name) for name in self.names())


class Classes(Lean, Sequence[str | None]):
    """The class of each row, None where it has none: `codes`, int32 (rows,), are places in `named`,
    -1 for none.
    """

    def __init__(self, named: Sequence[str], codes: np.ndarray) -> None:
        self.named, self.codes = tuple(named), codes

    @classmethod
    def of(cls, labels: Iterable[str | None]) -> "Classes":
        """Classes in the order in which they first appear."""
        known: dict[str, int] = {}
        codes = [-1 if one is None else known.setdefault(one, len(known)) for one in labels]
        return cls(tuple(known), np.array(codes, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str | None: ...

    @overload
    def __getitem__(self, index: slice) -> list[str | None]: ...

    def __getitem__(self, index: int | slice) -> str | list[str | None] | None:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        code = int(self.codes[index])
        return self.named[code] if code >= 0 else None
