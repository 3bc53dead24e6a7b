"""The order of rows that lie in shards: few shards are open at a time, and no place is kept."""

from functools import lru_cache
from math import gcd

import numpy as np

from zoo.data.ordering.permutation import Places, shuffled

LANES = 8
"""Into how many lanes an epoch is cut; each reads its own shards beside the others."""
WINDOW = 16
"""How many shards of a lane are mixed at a time, where `data.shuffle_window` says nothing else."""
_SHARDS, _ROWS = 21, 22  # streams of random numbers
_TABLE = 1 << 14  # rows of a window whose order is a table
_EPOCHS = 4  # that tell how many shards windows have


class Lanes:
    """The rows of every epoch in two levels: a pure function of (seed, epoch, place).

    `sizes` are the rows that each shard holds, int (shards,); shard s has the row indices
    [sum(sizes[:s]), sum(sizes[:s + 1])). In an epoch the shards stand in a shuffled order, and
    their rows one after the other are cut into `lanes` lanes of equal length (their greatest common
    divisor with the batch; at most lanes - 1 rows an epoch are left out). Every other lane is read
    from its end, so that a shard that is cut in two is read at one time by both. In a lane,
    stretches of at most `window` shards are windows, and the rows of a window are shuffled. Place q
    of a batch reads lane q * lanes // batch: a data rank whose micro-batches are [a, b) of a batch
    reads the lanes of those alone, and at most 2 * window shards of each are open at a time.
    Nothing depends on ranks. What is held is of the size of `sizes`.
    """

    def __init__(
        self, sizes: np.ndarray, batch: int, seed: int, window: int = WINDOW, lanes: int = LANES
    ) -> None:
        self.sizes = np.asarray(sizes, dtype=np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.batch, self.seed, self.window = batch, seed, window
        self.lanes = gcd(lanes, batch)
        self.each = batch // self.lanes  # places of a batch that read one lane
        self.length = int(self.sizes.sum()) // self.lanes
        self._epoch = -1

    def rows(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The row indices at places [start, stop) of an epoch, int64 (stop - start,).

        Places are those of whole batches, of which an epoch has `length // each`.
        """
        self._plan(epoch)
        places = np.arange(start, stop)
        number, place = np.divmod(places, self.batch)
        lane, within = np.divmod(place, self.each)
        found = np.empty_like(places)
        for one in range(self.lanes):
            here = np.flatnonzero(lane == one)
            if len(here):
                found[here] = self._in_lane(one, number[here] * self.each + within[here])
        return found

    def shards(self, epoch: int, places: range, part: range) -> list[int]:
        """The shards that hold the rows of some places of an epoch, in the order of first need.

        Of each batch only the places of `part` (numbers below the batch) are asked for. They are
        named by whole windows, of which no shard is needed much before another.
        """
        self._plan(epoch)
        first, last = places.start // self.batch, -(-places.stop // self.batch)
        windows: list[tuple[int, int, int]] = []
        for lane in self._lanes_of(part):
            cuts = self.cuts[lane]
            from_, to = self._turned(lane, np.array([first, last]) * self.each).tolist()
            if lane % 2:
                from_, to = to + 1, from_ + 1
            one = max(int(np.searchsorted(cuts, from_, side="right")) - 1, 0)
            end = min(int(np.searchsorted(cuts, to)), len(cuts) - 1)
            needs = to - cuts[1:] if lane % 2 else cuts[:-1] - from_
            windows += [(max(int(needs[number]), 0), lane, number) for number in range(one, end)]
        found: dict[int, None] = {}
        for _, lane, number in sorted(windows):
            low, high = self.cuts[lane][number : number + 2]
            one, end = np.searchsorted(self.ends, [low, high - 1], side="right")
            found |= dict.fromkeys(self.order[one : end + 1].tolist())
        return [shard for shard in found if self.sizes[shard]]

    def most_shards(self, batches: int, part: range) -> int:
        """The most shards in the windows that any so many batches in a row read, two windows of a
        lane at least; of each batch the places of `part` alone. The first epochs tell.
        """
        found = dict.fromkeys(self._lanes_of(part), 0)
        for epoch in range(_EPOCHS):
            self._plan(epoch)
            for lane, most in found.items():
                found[lane] = max(most, self._most(self.cuts[lane], batches * self.each))
        return min(sum(found.values()), int((self.sizes > 0).sum()))

    def _most(self, cuts: np.ndarray, rows: int) -> int:
        """See most_shards, of one lane, whose last window is followed by the next epoch's first."""
        first, last = (
            np.searchsorted(self.ends, at, side="right") for at in (cuts[:-1], cuts[1:] - 1)
        )
        count, ends = len(first), np.cumsum(np.tile(np.diff(cuts), 2))
        shards = np.concatenate([[0], np.cumsum(np.tile(last + 1 - first, 2))])
        reached = np.searchsorted(ends, ends[:count] + max(rows - 2, 0), side="right") + 1
        return int((shards[np.minimum(reached, 2 * count)] - shards[:count]).max())

    def _lanes_of(self, part: range) -> range:
        """The lanes that some places of a batch read."""
        return range(part.start // self.each, -(-part.stop // self.each))

    def _turned(self, lane: int, places: np.ndarray) -> np.ndarray:
        """Where places of a lane lie in the row of all shards."""
        begin = lane * self.length
        return begin + self.length - 1 - places if lane % 2 else begin + places

    def _plan(self, epoch: int) -> None:
        """The shards of an epoch in their order, where each ends, and the windows of each lane."""
        if epoch == self._epoch:
            return
        count = len(self.sizes)
        self.order = shuffled(count, self.seed, _SHARDS, epoch)(np.arange(count))
        self.ends = np.cumsum(self.sizes[self.order])
        self.cuts = [self._cuts(lane) for lane in range(self.lanes)]
        self._epoch = epoch

    def _cuts(self, lane: int) -> np.ndarray:
        """Where the windows of a lane begin and end in the row of all shards, int64."""
        begin, end = lane * self.length, (lane + 1) * self.length
        first, last = np.searchsorted(self.ends, [begin, end - 1], side="right")
        shards = last + 1 - first
        windows = -(-shards // self.window)
        inner = self.ends[first + np.arange(1, windows) * shards // windows - 1]
        found: np.ndarray = np.unique([begin, *inner.tolist(), end])
        return found

    def _in_lane(self, lane: int, places: np.ndarray) -> np.ndarray:
        """The rows at places of a lane, int64 (n,)."""
        cuts, found = self.cuts[lane], self._turned(lane, places)
        numbers = np.searchsorted(cuts, found, side="right") - 1
        for number in np.unique(numbers).tolist():
            here, begin = numbers == number, cuts[number]
            words = (self.seed, _ROWS, self._epoch, lane, number)
            mixed = _of_window(int(cuts[number + 1] - begin), *words)
            found[here] = begin + mixed(found[here] - begin)
        place = np.searchsorted(self.ends, found, side="right")
        shard = self.order[place]
        row: np.ndarray = self.starts[shard] + found - (self.ends[place] - self.sizes[shard])
        return row


@lru_cache(4 * LANES)  # batch after batch is read of the same windows: at most 4 MiB are held
def _of_window(count: int, *words: int) -> Places:
    return shuffled(count, *words, table=_TABLE)
