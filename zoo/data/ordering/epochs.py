"""Epochs of batches of equal size: a pure function of (seed, epoch, position)."""

import numpy as np

from zoo.data.ordering.order import MicroRows
from zoo.data.ordering.permutation import TABLE, Permutation
from zoo.data.ordering.shards import Lanes
from zoo.errors import ConfigError, Fault

WINDOW = 50  # global batches inside which rows of like length may be brought together
PLACES = 1 << 16
"""Places of an epoch whose rows are computed at once, where they come from no table."""
_ORDER, _GROUPS = 1, 2  # streams, so that no two draws share a generator


class Epochs:
    """The row indices of every global batch of an endless training, step by step. See Order.

    `sampling` is `random`, `sequential` or `group-by-length`; the last needs `lengths`, float
    (count,). An epoch's last incomplete batch is dropped; `sequential` goes on with it in the next
    one. With `repeats` each row stands so many times before the next one does, its copies apart in
    their batch, and an epoch has as many rows less (DeiT: Touvron et al. 2021). Rows that are read
    by `lanes` are drawn in their order. Raises ConfigError if no batch is complete.

    At most TABLE rows have numpy's permutation as a table. More have one that is computed for a
    window of places at a time: nothing is held that grows with the number of rows.
    """

    def __init__(
        self,
        count: int,
        batch: int,
        seed: int,
        sampling: str = "random",
        lengths: np.ndarray | None = None,
        repeats: int = 1,
        micro_batch: int = 1,
        lanes: Lanes | None = None,
    ) -> None:
        if count < batch:
            found = f"a batch of {batch} from {count} training examples"
            way = f"run.batch={count // micro_batch * micro_batch or count}"
            raise ConfigError([Fault("recipe", "run.batch", found, f"at most {count}", way)])
        if sampling == "group-by-length" and lengths is None:
            allowed = "random, sequential (the length of these rows is not known beforehand)"
            raise ConfigError([Fault("recipe", "data.sampling", sampling, allowed)])
        self.count, self.batch, self.seed = count, batch, seed
        self.sampling, self.repeats, self.lanes = sampling, repeats, lanes
        self.lengths = lengths if sampling == "group-by-length" else None
        self.micro_batch, self.steps_per_epoch = micro_batch, count // batch
        self._once_an_epoch = -(-self.steps_per_epoch * batch // repeats)
        self._tabled = count <= TABLE and lanes is None
        whole = self._tabled and sampling != "sequential"
        step = PLACES if self.lengths is None else WINDOW * batch
        self._size = self._once_an_epoch if whole else step
        self._at, self._rows = (-1, -1), np.empty(0, dtype=np.int64)
        within = [np.arange(n, batch, repeats) for n in range(repeats)]
        self._apart = np.concatenate(within)

    def epoch_of(self, step: int) -> int:
        """The epoch that optimizer step `step` (0-based) belongs to."""
        return step // self.steps_per_epoch

    def micro_batches(self, step: int) -> list[MicroRows]:
        """See Order."""
        rows, copies = self.batch_of(step), self.copies_of(step)
        epochs = np.full_like(rows, self.epoch_of(step))
        cuts = range(self.micro_batch, self.batch, self.micro_batch)
        parts = zip(*(np.split(each, cuts) for each in (rows, epochs, copies)), strict=True)
        return [MicroRows(*part) for part in parts]

    def examples(self, step: int) -> dict[str, int]:
        """See Order."""
        return {}

    def shards(self, first: int, last: int, micro_batches: range) -> list[int]:
        """See Order."""
        found: dict[int, None] = {}
        if self.lanes is None:
            return []
        part = self._places_of(micro_batches)
        for epoch in range(self.epoch_of(first), self.epoch_of(last - 1) + 1):
            begin = epoch * self.steps_per_epoch
            start, stop = max(first - begin, 0), min(last - begin, self.steps_per_epoch)
            if self.lengths is not None:  # and between the batches of a window
                start, stop = start // WINDOW * WINDOW, -(-stop // WINDOW) * WINDOW
            once = range(start * self.batch // self.repeats, -(-stop * self.batch // self.repeats))
            found |= dict.fromkeys(self.lanes.shards(epoch, once, part))
        return list(found)

    def most_shards(self, steps: int, micro_batches: range) -> list[tuple[int, int]]:
        """See Order."""
        if self.lanes is None:
            return []
        batches = -(-steps // self.repeats) + (self.repeats > 1)
        if self.lengths is not None:
            batches += 2 * WINDOW
        most = self.lanes.most_shards(batches, self._places_of(micro_batches))
        return [(len(self.lanes.sizes), most)]

    def _places_of(self, micro_batches: range) -> range:
        """The places of a batch as it is drawn that some micro-batches may be made of."""
        if self.repeats > 1 or self.lengths is not None:  # rows change places in their batch
            return range(self.batch)
        return range(micro_batches.start * self.micro_batch, micro_batches.stop * self.micro_batch)

    def batch_of(self, step: int) -> np.ndarray:
        """Row indices of the global batch of optimizer step `step`, int64 (batch,)."""
        epoch, places = self._places(step)
        once = places // self.repeats
        start = int(once.min())
        return self._once(epoch, start, int(once.max()) + 1)[once - start]

    def copies_of(self, step: int) -> np.ndarray:
        """Which copy of its row each place of that batch has in its epoch, int64 (batch,)."""
        found: np.ndarray = self._places(step)[1] % self.repeats
        return found

    def _places(self, step: int) -> tuple[int, np.ndarray]:
        """The epoch of a step and the places of its batch in it, int64 (batch,): copies of a row,
        which are side by side in the epoch, far apart, so that a micro-batch has few of them.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        return epoch, position * self.batch + self._apart

    def _once(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The rows at places [start, stop) of an epoch in which each stands once, int64."""
        size, parts = self._size, []
        for number in range(start // size, -(-stop // size)):
            begin = number * size
            parts.append(self._window(epoch, number)[max(start - begin, 0) : stop - begin])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _window(self, epoch: int, number: int) -> np.ndarray:
        """The rows at the places of a window; the last one asked for is kept."""
        if self._at != (epoch, number):
            start = number * self._size
            rows = self._drawn(epoch, start, min(start + self._size, self._once_an_epoch))
            if self.lengths is not None:
                words = [self.seed, _GROUPS, epoch, *([] if self._tabled else [number])]
                rows = self._grouped(rows, self.lengths, np.random.default_rng(words))
            self._at, self._rows = (epoch, number), rows.astype(np.int64, copy=False)
        return self._rows

    def _drawn(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The rows at some places as they are drawn, none of them twice in an epoch."""
        if self.sampling == "sequential":
            begin = epoch * self._once_an_epoch
            return np.arange(begin + start, begin + stop, dtype=np.int64) % self.count
        if self.lanes is not None:
            return self.lanes.rows(epoch, start, stop)
        if self._tabled:
            rng = np.random.default_rng([self.seed, _ORDER, epoch])
            return rng.permutation(self.count)[start:stop]
        return Permutation(self.count, self.seed, _ORDER, epoch)(np.arange(start, stop))

    def _grouped(
        self, rows: np.ndarray, lengths: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """In each stretch of WINDOW batches: sort by length, cut into batches, shuffle these."""
        size = WINDOW * self.batch
        windows = []
        for start in range(0, len(rows), size):
            window = rows[start : start + size]
            by_length = window[np.argsort(lengths[window], kind="stable")]
            windows.append(rng.permutation(by_length.reshape(-1, self.batch)).reshape(-1))
        return np.concatenate(windows)
