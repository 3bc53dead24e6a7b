"""Whole rows side by side in one: each at most so long, with as little as possible left free."""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np

from zoo.data.rows import Row, Rows, digest


class Bins(Rows):
    """Rows that hold several whole rows of `rows`, whose sizes add up to `room` at most.

    Row: "documents", a tuple of rows in their order. `sizes`, float (rows,), none above `room`, NaN
    of a row that cannot be read: it stands alone, and is met and counted as any corrupt row. Of
    rows that lie in shards those of one shard stand together.
    """

    roles = frozenset({"documents"})

    def __init__(self, rows: Rows, sizes: np.ndarray, room: int) -> None:
        self.rows = rows
        shards = rows.shard_sizes()
        each = [best_fit(one, room) for one in _of_shards(sizes, shards)]
        counts = np.array([one.max(initial=-1) + 1 for one in each], np.int64)
        firsts = np.cumsum(counts) - counts
        bin_of = np.concatenate([one + n for one, n in zip(each, firsts, strict=True)])
        self.shards = None if shards is None else counts
        self.places = np.argsort(bin_of, kind="stable")
        self.ends = np.cumsum(np.bincount(bin_of))
        self.sizes = np.bincount(bin_of, weights=sizes)
        self.fingerprint = digest("bins", rows.fingerprint, bin_of.tobytes())

    def __len__(self) -> int:
        return len(self.ends)

    def members(self, index: int) -> list[int]:
        """Which rows stand in the one at `index`."""
        start = self.ends[index - 1] if index else 0
        found: list[int] = self.places[start : self.ends[index]].tolist()
        return found

    def name(self, index: int) -> str:
        return ", ".join(map(self.rows.name, self.members(index)))

    def shard_sizes(self) -> np.ndarray | None:
        return self.shards

    def shard_bytes(self) -> tuple[np.ndarray, int] | None:
        return self.rows.shard_bytes()

    def expect(self, shards: Sequence[int]) -> None:
        self.rows.expect(shards)

    def __getitem__(self, index: int) -> Row:
        return {"documents": tuple(self.rows[place] for place in self.members(index))}


def _of_shards(sizes: np.ndarray, shards: np.ndarray | None) -> list[np.ndarray]:
    """The sizes of the rows of each shard; where rows do not lie in shards, of all."""
    return [sizes] if shards is None else np.split(sizes, np.cumsum(shards)[:-1])


def best_fit(sizes: np.ndarray, room: int) -> np.ndarray:
    """The bin of every row, int64 (rows,): the longest first, each into the fullest that has room.

    Best fit decreasing (Johnson 1973): never more than 11/9 of the fewest bins, and 6/9 of one. The
    same for the same sizes; a row of NaN has a bin of its own.
    """
    bin_of = np.empty(len(sizes), np.int64)
    free: list[int] = []  # how much is free in bins that are not full, sorted, each amount once
    open_bins: dict[int, list[int]] = {}
    count = 0
    for row in np.argsort(-sizes, kind="stable").tolist():
        size = room if np.isnan(sizes[row]) else int(sizes[row])
        at = bisect_left(free, size)
        if at == len(free):
            number, left, count = count, room - size, count + 1
        else:
            amount = free[at]
            number, left = open_bins[amount].pop(), amount - size
            if not open_bins[amount]:
                del free[at], open_bins[amount]
        bin_of[row] = number
        if left:
            if left not in open_bins:
                insort(free, left)
            open_bins.setdefault(left, []).append(number)
    return bin_of
