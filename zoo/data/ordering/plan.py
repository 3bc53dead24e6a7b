"""Micro-batches of an amount of tokens, seconds or frames, planned from the lengths of the rows."""

from dataclasses import dataclass

import numpy as np

from zoo.data.ordering.order import MicroRows
from zoo.data.ordering.permutation import TABLE, Permutation

BUCKETS = 30
WINDOW = 20_000  # rows among which those of like length are brought together
_ORDER, _STEPS = 1, 3  # streams of random numbers: of the rows as in Epochs, of a window's steps


@dataclass(frozen=True)
class _Epoch:
    """Rows int64 (rows,), the start and size of each micro-batch in them, int64 (micro-batches,):
    the micro-batches of a step in a row. Those of size 0 fill up the last step.
    """

    rows: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray


class Plan:
    """Steps of `per_step` micro-batches, none of which has more than `amount` of what the model
    gets, padding included. See Order.

    `lengths` is how much each row is of it, float (rows,), NaN where it is not known: such a row
    goes with the longest. Rows are sorted into buckets of equal total length; in each window of an
    epoch every bucket is cut into micro-batches, as many rows as there is room for at its longest;
    what is left over joins the next longer bucket. Micro-batches in a row, of like length, are a
    step, and the steps of a window are shuffled. Micro-batches that fill no step of their window
    form steps at the epoch's end, the last of which is filled up with ones that do not count: every
    row stands once in an epoch. No row may be longer than `amount`.
    """

    def __init__(
        self, lengths: np.ndarray, amount: float, per_step: int, seed: int,
        sampling: str = "random",
    ) -> None:  # fmt: skip
        self.lengths = np.where(np.isnan(lengths), np.nanmax(lengths), lengths)
        self.amount, self.per_step, self.seed, self.sampling = amount, per_step, seed, sampling
        tops = bucket_tops(self.lengths)
        self.buckets = np.searchsorted(tops, self.lengths).astype(np.uint8)
        self.room = np.maximum(np.floor(amount / np.maximum(tops, 1e-9) + 1e-9), 1).astype(np.int64)
        self.room = np.minimum(self.room, max(len(lengths), 1))
        self._ends, self._at = [0], -1
        self._epoch = self._planned(0)
        self.steps_per_epoch = len(self._epoch.sizes) // per_step

    def epoch_of(self, step: int) -> int:
        """The epoch that optimizer step `step` (0-based) belongs to."""
        while self._ends[-1] <= step:  # epochs differ by a few steps
            self._planned(len(self._ends) - 1)
        return int(np.searchsorted(self._ends, step, side="right")) - 1

    def micro_batches(self, step: int) -> list[MicroRows]:
        """See Order."""
        epoch = self.epoch_of(step)
        plan, first = self._planned(epoch), (step - self._ends[epoch]) * self.per_step
        return [self._micro(plan, epoch, place) for place in range(first, first + self.per_step)]

    def shards(self, first: int, last: int, micro_batches: range) -> list[int]:
        """See Order; such rows lie in no shards."""
        return []

    def most_shards(self, steps: int, micro_batches: range) -> list[tuple[int, int]]:
        """See Order."""
        return []

    def examples(self, step: int) -> dict[str, int]:
        """See Order; one source."""
        return {}

    def largest(self) -> np.ndarray:
        """The rows of the micro-batch of the first epoch that is the largest with its padding."""
        plan = self._planned(0)
        real = np.flatnonzero(plan.sizes)
        order = np.argsort(plan.starts[real])
        longest = np.maximum.reduceat(self.lengths[plan.rows], plan.starts[real][order])
        micro = real[order][np.argmax(longest * plan.sizes[real][order])]
        return self._micro(plan, 0, int(micro)).rows

    def _micro(self, plan: _Epoch, epoch: int, place: int) -> MicroRows:
        start, size = int(plan.starts[place]), int(plan.sizes[place])
        rows = plan.rows[start : start + max(size, 1)]
        zeros = np.zeros_like(rows)
        return MicroRows(rows, zeros + epoch, zeros, real=size)

    def _planned(self, epoch: int) -> _Epoch:
        """An epoch; the last one asked for is kept, and where each one ends."""
        if epoch != self._at:
            self._at, self._epoch = epoch, self._plan(epoch)
            if len(self._ends) == epoch + 1:
                self._ends.append(self._ends[-1] + len(self._epoch.sizes) // self.per_step)
        return self._epoch

    def _plan(self, epoch: int) -> _Epoch:
        rng = np.random.default_rng([self.seed, _STEPS, epoch])
        rows, sizes = self._drawn(epoch), []
        for start in range(0, len(rows), WINDOW):
            window = rows[start : start + WINDOW]
            buckets = self.buckets[window]
            rows[start : start + WINDOW] = window[np.argsort(buckets, kind="stable")]
            sizes.append(self._cut(np.bincount(buckets, minlength=len(self.room))))
        every = np.concatenate(sizes)
        starts = np.cumsum(every) - every
        order = self._ordered([len(one) for one in sizes], rng)
        fill = -len(order) % self.per_step
        starts = np.concatenate([starts[order], np.repeat(starts[order[:1]], fill)])
        return _Epoch(rows, starts, np.concatenate([every[order], np.zeros(fill, dtype=np.int64)]))

    def _drawn(self, epoch: int) -> np.ndarray:
        """Every row once, in the epoch's order, int64."""
        count = len(self.lengths)
        if self.sampling == "sequential":
            return np.arange(count)
        if count > TABLE:
            return Permutation(count, self.seed, _ORDER, epoch)(np.arange(count))
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(count)

    def _cut(self, counts: np.ndarray) -> np.ndarray:
        """The sizes of the micro-batches of a window that has so many rows of each bucket."""
        sizes, left = [], 0
        for count, room in zip(counts.tolist(), self.room.tolist(), strict=True):
            whole, left = divmod(left + count, room)
            sizes.append(np.full(whole, room, dtype=np.int64))
        return np.concatenate([*sizes, np.full(int(left > 0), left, dtype=np.int64)])

    def _ordered(self, counts: list[int], rng: np.random.Generator) -> np.ndarray:
        """The micro-batches of windows that have so many each, in the order of their steps.

        Which of them are left over is drawn, so that it is not always the longest.
        """
        steps, over, begin = [], [], 0
        for count in counts:
            left = count % self.per_step
            skipped = int(rng.integers(count - left + 1))
            here = np.arange(begin, begin + count)
            over.append(here[skipped : skipped + left])
            whole = np.delete(here, np.s_[skipped : skipped + left]).reshape(-1, self.per_step)
            steps.append(rng.permutation(whole).reshape(-1))
            begin += count
        return np.concatenate([*steps, *over])


def bucket_tops(lengths: np.ndarray) -> np.ndarray:
    """The longest of each of at most BUCKETS buckets of equal total length, ascending."""
    ascending = np.sort(lengths)
    total = np.cumsum(ascending)
    shares = total[-1] * np.arange(1, BUCKETS + 1) / BUCKETS
    places = np.minimum(np.searchsorted(total, shares * (1 - 1e-12)), len(total) - 1)
    return np.unique(ascending[places])


def cut_by_amount(lengths: np.ndarray, amount: float) -> list[np.ndarray]:
    """Every row once in micro-batches of at most `amount` with their padding, those of like length
    together, int64 (rows,) each; a row that is longer, or whose length is not known, stands alone.
    """
    order = np.argsort(lengths, kind="stable")  # NaN last
    cuts, first = [], 0
    for place in range(1, len(order) + 1):
        more = place < len(order) and (place + 1 - first) * lengths[order[place]] <= amount
        if not more:
            cuts.append(order[first:place])
            first = place
    return cuts
