"""Rows of several origins, one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.rows import Row, Rows, digest


class Concatenation(Rows):
    """Several rows, one after the other; holds the roles that all of them hold."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self.parts = tuple(parts)
        self.roles = frozenset.intersection(*(part.roles for part in parts))
        self.beside = frozenset.intersection(*(part.beside for part in parts))
        self.fingerprint = digest("concatenation", *(part.fingerprint for part in parts))
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Row:
        part, inner = self._place(index)
        return part[inner]

    def name(self, index: int) -> str:
        part, inner = self._place(index)
        return part.name(inner)

    def value(self, index: int, role: str) -> Any:
        part, inner = self._place(index)
        return part.value(inner, role)

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        part, inner = self._place(index)
        return part.pieces(inner, role)

    def unreadable(self) -> dict[int, str]:
        starts = [0, *self.ends[:-1].tolist()]
        return {
            start + index: reason
            for part, start in zip(self.parts, starts, strict=True)
            for index, reason in part.unreadable().items()
        }

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        found: list[Any] = []
        starts = [0, *self.ends[:-1].tolist()]
        for part, start in zip(self.parts, starts, strict=True):
            inside = max(begin - start, 0), min(end - start, len(part))
            found += part.between(name, *inside) if inside[0] < inside[1] else []
        return found

    def files_here(self) -> str:
        return " ".join(part.files_here() for part in self.parts).strip()

    def lengths(self) -> np.ndarray | None:
        lengths = [part.lengths() for part in self.parts]
        known = [length for length in lengths if length is not None]
        return np.concatenate(known) if len(known) == len(lengths) else None

    def shard_sizes(self) -> np.ndarray | None:
        sizes = [part.shard_sizes() for part in self.parts]
        known = [size for size in sizes if size is not None]
        return np.concatenate(known) if len(known) == len(sizes) else None

    def shard_bytes(self) -> tuple[np.ndarray, int] | None:
        parts = [part.shard_bytes() for part in self.parts]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        held, beside = zip(*known, strict=True)
        return np.concatenate(held), max(beside)

    def expect(self, shards: Sequence[int]) -> None:
        start = 0
        for part in self.parts:
            sizes = part.shard_sizes()
            end = start + (0 if sizes is None else len(sizes))
            part.expect([shard - start for shard in shards if start <= shard < end])
            start = end

    def _place(self, index: int) -> tuple[Rows, int]:
        part = int(np.searchsorted(self.ends, index, side="right"))
        start = int(self.ends[part - 1]) if part else 0
        return self.parts[part], index - start


def concatenated(parts: Sequence[Rows]) -> Rows:
    """The parts as one; a single part stays what it is."""
    return parts[0] if len(parts) == 1 else Concatenation(parts)


class Mixed(Concatenation):
    """The rows of the parts of a mixture, one part after the other in the order of their names.

    What part each row is of, an order of a mixture knows (zoo.data.ordering.mixture).
    """

    def __init__(self, parts: Mapping[str, Rows]) -> None:
        self.names = tuple(sorted(parts))
        super().__init__([parts[name] for name in self.names])

    @property
    def by_name(self) -> dict[str, Rows]:
        """The rows of each part."""
        return dict(zip(self.names, self.parts, strict=True))


def each_part(rows: Rows, make: Callable[[Rows], Rows]) -> Rows:
    """What `make` makes of rows, and of those of a mixture part by part."""
    if not isinstance(rows, Mixed):
        return make(rows)
    return Mixed({name: make(part) for name, part in rows.by_name.items()})


def fingerprints(rows: Rows) -> frozenset[str]:
    """By what rows are known again: their own fingerprint, and those of a mixture's parts."""
    parts = rows.parts if isinstance(rows, Mixed) else ()
    return frozenset({rows.fingerprint, *(part.fingerprint for part in parts)})
