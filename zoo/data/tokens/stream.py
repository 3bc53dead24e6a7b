"""Token shards, one after the other, as one stream that is mapped and never held."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.tokens.indexed import Index, beside


class TokenStream:
    """The ids of several shards as one array; a slice of it may lie in two of them.

    Crosses to another process as names: each maps the files itself, when it first reads one.
    """

    def __init__(self, prefixes: Sequence[Path], indices: Sequence[Index]) -> None:
        self.prefixes = tuple(prefixes)
        self.dtypes = tuple(index.dtype for index in indices)
        shards = np.arange(len(self.prefixes))
        counts = np.array([index.tokens for index in indices], dtype=np.int64)
        self._lay(shards, np.zeros_like(counts), counts)
        self.maps: dict[int, np.ndarray] = {}

    def chosen(self, shards: np.ndarray, begins: np.ndarray, counts: np.ndarray) -> "TokenStream":
        """A stream of these stretches of the shards, int64 each, in this order."""
        other = TokenStream([], [])
        other.prefixes, other.dtypes = self.prefixes, self.dtypes
        other._lay(shards, begins, counts)
        return other

    def _lay(self, shards: np.ndarray, begins: np.ndarray, counts: np.ndarray) -> None:
        filled = counts > 0  # a file without a byte cannot be mapped
        self.shards, self.begins = shards[filled], begins[filled]
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[filled])])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, places: slice) -> np.ndarray:
        """The ids from one place to another, int64 (places,)."""
        start, stop, _ = places.indices(len(self))
        at = int(np.searchsorted(self.starts, start, side="right")) - 1
        parts: list[np.ndarray] = []
        while start < stop:
            end, begin = min(stop, int(self.starts[at + 1])), int(self.begins[at] - self.starts[at])
            shard = self._shard(int(self.shards[at]))
            parts.append(shard[start + begin : end + begin].astype(np.int64))
            start, at = end, at + 1
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])

    def ends(self) -> tuple[int, int]:
        """The smallest and the largest id of all; reads every shard."""
        shards = [self._shard(number) for number in np.unique(self.shards).tolist()]
        smallest = min((int(shard.min()) for shard in shards), default=0)
        return smallest, max((int(shard.max()) for shard in shards), default=0)

    def _shard(self, number: int) -> np.ndarray:
        if number not in self.maps:
            file = beside(self.prefixes[number], ".bin")
            self.maps[number] = np.memmap(file, self.dtypes[number], "r")
        return self.maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "maps": {}}
