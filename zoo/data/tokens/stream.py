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
        # A file without a byte cannot be mapped.
        pairs = zip(prefixes, indices, strict=True)
        filled = [(prefix, index) for prefix, index in pairs if index.tokens]
        self.prefixes = tuple(prefix for prefix, _ in filled)
        self.dtypes = tuple(index.dtype for _, index in filled)
        counts = np.array([index.tokens for _, index in filled], dtype=np.int64)
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        self.maps: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, places: slice) -> np.ndarray:
        """The ids from one place to another, int64 (places,)."""
        start, stop, _ = places.indices(len(self))
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        parts: list[np.ndarray] = []
        while start < stop:
            begin, end = int(self.starts[first]), min(stop, int(self.starts[first + 1]))
            parts.append(self._shard(first)[start - begin : end - begin].astype(np.int64))
            start, first = end, first + 1
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])

    def largest(self) -> int:
        """The largest id of all, and the smallest where one is below zero; reads every shard."""
        shards = (self._shard(number) for number in range(len(self.prefixes)))
        ends = [(int(shard.min()), int(shard.max())) for shard in shards]
        lowest = min((low for low, _ in ends), default=0)
        return lowest if lowest < 0 else max((high for _, high in ends), default=0)

    def _shard(self, number: int) -> np.ndarray:
        if number not in self.maps:
            file = beside(self.prefixes[number], ".bin")
            self.maps[number] = np.memmap(file, self.dtypes[number], "r")
        return self.maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "maps": {}}
