"""What every source hands on: rows by index, and small wrappers that cut and label them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.recipe.vocabulary.roles import ROLES

Row = dict[str, Any]
"""What a source gives, by role."""
Example = dict[str, Any]
"""A row as arrays, and its weight."""
Batch = dict[str, Any]
"""A micro-batch: inputs, labels, the count of targets, and which rows it is of."""

PIECE = 1 << 20
"""Characters of a long text that are handed on at once."""


UNREADABLE = object()
"""Stands for a value that cannot be read, where others must be."""


class CorruptExample(Exception):
    """One example that cannot be read, decoded or learned from; what reads it names its file, and
    `placed` (zoo.data.corrupt) does for all others.
    """


class Rows(ABC):
    """A sequence of rows, each a dictionary by role, read and decoded only when asked for."""

    roles: frozenset[str]
    """Which roles every row holds."""
    divisible: bool = True
    """Whether some of the rows may be scored without the others."""
    fingerprint: str
    """Changes whenever the content may have changed; caches are named by it."""
    beside: frozenset[str] = frozenset()
    """Columns that are no roles, which `between` reads as well."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Row:
        """The row at `index`; raises CorruptExample if it cannot be read. Of an image that may be
        only when its pixels are asked for (zoo.data.image: open_image).
        """

    def name(self, index: int) -> str:
        """Where a row lies, as a message says it."""
        return f"row {index}"

    def lengths(self) -> np.ndarray | None:
        """Seconds of audio (NaN if unreadable), characters of text (bytes of whole text files) or
        words, float64 (rows,); None where that is not known without reading the rows."""
        return None

    def unreadable(self) -> dict[int, str]:
        """The rows that are known to be corrupt before anything is decoded, and why."""
        return {}

    def shard_sizes(self) -> np.ndarray | None:
        """How many rows each shard holds, one after the other, int64 (shards,); None where rows do
        not lie in shards, of which few should be open at a time (zoo.data.ordering.shards)."""
        return None

    def shard_bytes(self) -> tuple[np.ndarray, int] | None:
        """How much of the disk each of these shards takes while it is read, int64 (shards,), and
        what one may take beside that while it is brought."""
        return None

    def expect(self, shards: Sequence[int]) -> None:
        """Begins to bring these shards near, in this order, for whoever reads their rows, and lets
        them stay; those that were expected before and are not among them no longer are.
        """
        return

    def value(self, index: int, role: str) -> Any:
        """What one role of one row is; raises CorruptExample as `[]` does, if it looks so far.

        Where that can be, nothing else of the row is decoded.
        """
        return self[index][role]

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        """What a role or a column `beside` holds in rows [begin, end), media undecoded where that
        can be (bytes, a path, a stretch): None of nothing, UNREADABLE of what is corrupt.
        """
        found = []
        for index in range(begin, end):
            try:
                found.append(self.value(index, name))
            except CorruptExample:
                found.append(UNREADABLE)
        return found

    def files_here(self) -> str:
        """Names the very files that rows are read from, where their fingerprint does not."""
        return ""

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        """One text of one row, in pieces cut at line ends; raises CorruptExample as `[]` does.

        Nothing else of the row is decoded, and of a file one piece at a time is in memory.
        """
        yield from pieces_of_text(self[index][role])


def pieces_of_text(text: str, size: int = PIECE) -> Iterator[str]:
    """The text in pieces of `size` characters and what is left of the line; joined, the text."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + size - 1) + 1 or len(text)
        yield text[start:end]
        start = end


def spread(rows: Rows, count: int) -> np.ndarray:
    """At most `count` places that are evenly spread over the rows, int64; over those of the first
    shard where rows lie in shards, which all would have to be fetched.
    """
    sizes = rows.shard_sizes()
    end = len(rows) if sizes is None else int(sizes[sizes > 0][0])
    return np.unique(np.linspace(0, end - 1, min(count, end), dtype=np.int64))


def digest(*parts: object) -> str:
    """A short hexadecimal name for the parts, the same in every process."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class Wrapped(Rows):
    """The rows inside, as they are; a wrapper says what it changes."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.roles = rows, rows.roles

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    def name(self, index: int) -> str:
        return self.rows.name(index)

    def value(self, index: int, role: str) -> Any:
        return self.rows.value(index, role)

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        return self.rows.pieces(index, role)

    def unreadable(self) -> dict[int, str]:
        return self.rows.unreadable()

    def lengths(self) -> np.ndarray | None:
        return self.rows.lengths()

    def shard_sizes(self) -> np.ndarray | None:
        return self.rows.shard_sizes()

    def shard_bytes(self) -> tuple[np.ndarray, int] | None:
        return self.rows.shard_bytes()

    def expect(self, shards: Sequence[int]) -> None:
        self.rows.expect(shards)


class Subset(Wrapped):
    """The rows at `indices`, in that order; `content` is the indices' SHA-256 where it is known."""

    def __init__(self, rows: Rows, indices: np.ndarray, content: str = "") -> None:
        super().__init__(rows)
        self.indices = np.asarray(indices, dtype=np.int64)
        content = content or hashlib.sha256(self.indices.tobytes()).hexdigest()
        self.fingerprint = digest("subset", rows.fingerprint, content)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Row:
        return self.rows[int(self.indices[index])]

    def name(self, index: int) -> str:
        return self.rows.name(int(self.indices[index]))

    def value(self, index: int, role: str) -> Any:
        return self.rows.value(int(self.indices[index]), role)

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        return self.rows.pieces(int(self.indices[index]), role)

    def unreadable(self) -> dict[int, str]:
        found = self.rows.unreadable()
        here = np.flatnonzero(np.isin(self.indices, list(found))) if found else ()
        return {int(index): found[int(self.indices[index])] for index in here}

    def lengths(self) -> np.ndarray | None:
        lengths = self.rows.lengths()
        return None if lengths is None else lengths[self.indices]

    def shard_sizes(self) -> np.ndarray | None:
        sizes = self.rows.shard_sizes()
        if sizes is None or (np.diff(self.indices) < 0).any():
            return None
        return np.diff(np.searchsorted(self.indices, np.cumsum(sizes)), prepend=0)


class ListRows(Rows):
    """Rows that already lie in memory."""

    def __init__(self, rows: Sequence[Row], fingerprint: str) -> None:
        self.rows = rows
        self.roles = frozenset(rows[0]) if rows else frozenset()
        self.fingerprint = fingerprint

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return dict(self.rows[index])

    def lengths(self) -> np.ndarray | None:
        measured = [role for role in self.roles if role in ROLES and ROLES[role].measured]
        if not measured:
            return None
        return np.array([sum(len(row[role]) for role in measured) for row in self.rows], float)
