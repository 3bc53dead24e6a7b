"""Epochs of batches of equal size: a pure function of (seed, epoch, position)."""

import numpy as np

from zoo.data.ordering.order import MicroRows
from zoo.errors import ConfigError, Fault

WINDOW = 50  # global batches inside which rows of like length may be brought together
_ORDER, _GROUPS = 1, 2  # streams, so that no two draws share a generator


class Epochs:
    """The row indices of every global batch of an endless training, step by step. See Order.

    `sampling` is `random`, `sequential` or `group-by-length`; the last needs `lengths`, float
    (count,). An epoch's last incomplete batch is dropped; `sequential` goes on with it in the next
    one. With `repeats` each row stands so many times before the next one does, its copies apart in
    their batch, and an epoch has as many rows less (DeiT: Touvron et al. 2021). Raises ConfigError
    if no batch is complete.
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
    ) -> None:
        if count < batch:
            found = f"a batch of {batch} from {count} training examples"
            raise ConfigError([Fault("recipe", "run.batch", found, f"at most {count}")])
        if sampling == "group-by-length" and lengths is None:
            allowed = "random, sequential (the length of these rows is not known beforehand)"
            raise ConfigError([Fault("recipe", "data.sampling", sampling, allowed)])
        self.count, self.batch, self.seed = count, batch, seed
        self.sampling, self.lengths, self.repeats = sampling, lengths, repeats
        self.micro_batch, self.steps_per_epoch = micro_batch, count // batch
        self._epoch, self._rows = -1, np.empty(0, dtype=np.int64)

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

    def batch_of(self, step: int) -> np.ndarray:
        """Row indices of the global batch of optimizer step `step`, int64 (batch,)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._rows = epoch, self._epoch_rows(epoch)
        return self._rows[position * self.batch : (position + 1) * self.batch]

    def copies_of(self, step: int) -> np.ndarray:
        """Which copy of its row each place of that batch has in its epoch, int64 (batch,)."""
        position = step % self.steps_per_epoch
        places = position * self.batch + np.arange(self.batch)
        return self._apart(places % self.repeats)

    def _apart(self, batches: np.ndarray) -> np.ndarray:
        """Each batch of an array with the copies of a row, which are side by side, far apart: a
        micro-batch has as few of them as can be.
        """
        places = np.concatenate(
            [np.arange(n, self.batch, self.repeats) for n in range(self.repeats)]
        )
        found: np.ndarray = batches.reshape(-1, self.batch)[:, places].reshape(-1)
        return found

    def _epoch_rows(self, epoch: int) -> np.ndarray:
        kept = self.steps_per_epoch * self.batch
        if self.repeats == 1:
            return self._rows_once(epoch, kept)
        once = self._rows_once(epoch, -(-kept // self.repeats))
        return self._apart(np.repeat(once, self.repeats)[:kept])

    def _rows_once(self, epoch: int, kept: int) -> np.ndarray:
        """`kept` rows of an epoch, none of them twice."""
        if self.sampling == "sequential":
            return np.arange(epoch * kept, (epoch + 1) * kept, dtype=np.int64) % self.count
        rows = np.random.default_rng([self.seed, _ORDER, epoch]).permutation(self.count)[:kept]
        if self.lengths is not None and self.sampling == "group-by-length":
            rows = self._grouped(rows, self.lengths, epoch)
        return rows.astype(np.int64)

    def _grouped(self, rows: np.ndarray, lengths: np.ndarray, epoch: int) -> np.ndarray:
        """Inside each window: sort by length, cut into global batches, shuffle the batches."""
        rng = np.random.default_rng([self.seed, _GROUPS, epoch])
        size = WINDOW * self.batch
        windows = []
        for start in range(0, len(rows), size):
            window = rows[start : start + size]
            by_length = window[np.argsort(lengths[window], kind="stable")]
            windows.append(rng.permutation(by_length.reshape(-1, self.batch)).reshape(-1))
        return np.concatenate(windows)
