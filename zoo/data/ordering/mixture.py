"""The order of a mixture: every batch has its share of each part, and each part its own epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.ordering.order import MicroRows
from zoo.data.ordering.permutation import Places, shuffled
from zoo.data.ordering.shards import LANES, Lanes
from zoo.errors import ConfigError, Fault

SCALE = 1 << 32
"""Weights are counted in so many parts of the whole."""
_PARTS, _BATCH = 41, 42  # streams of random numbers


class Part:
    """One part's rows without end: epoch after epoch, each row once in it.

    `sampling` is `random` or `sequential`, `place` the part's number among all. Rows that lie in
    shards of these `sizes` are read by lanes, `window` shards of each mixed at a time; what they
    leave out an epoch is less than one row a lane.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        place: int,
        sampling: str = "random",
        sizes: np.ndarray | None = None,
        window: int = 1,
    ) -> None:
        self.count, self.words, self.sampling = count, (seed, _PARTS, place), sampling
        self.lanes: Lanes | None = None
        self.in_shards = 0 if sizes is None else len(sizes)
        self.length = count
        if sizes is not None and sampling != "sequential" and count >= LANES:
            self.lanes = Lanes(sizes, LANES, seed, window)
            self.length = self.lanes.length * LANES
        self._epoch = -1
        self._order: Places = _same

    def rows(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """What is drawn from the part as its numbers [first, last): rows and their epochs."""
        found, epochs = np.empty((2, last - first), dtype=np.int64)
        for epoch in range(first // self.length, -(-last // self.length)):
            begin = epoch * self.length
            low, high = max(first, begin), min(last, begin + self.length)
            found[low - first : high - first] = self._at(epoch, np.arange(low, high) - begin)
            epochs[low - first : high - first] = epoch
        return found, epochs

    def shards(self, first: int, last: int) -> list[int]:
        """The shards that hold these rows, in the order of first need."""
        if self.lanes is None or first == last:
            return []
        found: dict[int, None] = {}
        for epoch in range(first // self.length, (last - 1) // self.length + 1):
            begin = epoch * self.length
            inside = range(max(first - begin, 0), min(last - begin, self.length))
            found |= dict.fromkeys(self.lanes.shards(epoch, inside, range(LANES)))
        return list(found)

    def most_shards(self, count: int) -> int:
        """The most shards that `shards` may name for so many rows in a row."""
        return self.lanes.most_shards(-(-count // LANES) + 1, range(LANES)) if self.lanes else 0

    def _at(self, epoch: int, places: np.ndarray) -> np.ndarray:
        """The rows at ascending places of an epoch."""
        if self.sampling == "sequential":
            return places
        if self.lanes is not None:
            return self.lanes.rows(epoch, int(places[0]), int(places[-1]) + 1)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, shuffled(self.count, *self.words, epoch)
        return self._order(places)


def _same(places: np.ndarray) -> np.ndarray:
    return places


def counts_at(position: int, weights: Sequence[int]) -> list[int]:
    """How many of the first `position` places are each part's: a closed form without a table.

    A tree of two-way splits, each rounded: no count is off by more than one a level, none ever
    falls, and each place has one part.
    """
    if len(weights) == 1:
        return [position]
    half = len(weights) // 2
    left, whole = sum(weights[:half]), sum(weights)
    count = (2 * position * left + whole) // (2 * whole)
    return [*counts_at(count, weights[:half]), *counts_at(position - count, weights[half:])]


@dataclass(frozen=True)
class Told:
    """What a part is in a mixture: its name, its share of the places, how many rows it has."""

    name: str
    share: float
    part: Part


class Mixture:
    """The micro-batches of a mixture: a pure function of (seed, weights, step). See Order.

    The first p places hold each part's share of p, so that every global batch has its share of each
    part, to a row or two; inside the batch they are shuffled. Number n of a part is row n modulo
    its length of its epoch n // length: a part that is used up goes on in its next epoch. An
    `epoch` of the whole is as many examples as all parts have rows. With `repeats` each row stands
    so often in its batch. Raises ConfigError where a batch does not hold whole repeats.
    """

    def __init__(
        self, parts: Sequence[Told], batch: int, micro_batch: int, seed: int, repeats: int = 1
    ) -> None:
        if batch % repeats:
            found = f"{batch} with task.augment.repeats {repeats} and a mixture"
            raise ConfigError([Fault("recipe", "run.batch", found, f"a multiple of {repeats}")])
        self.parts, self.batch, self.micro_batch = tuple(parts), batch, micro_batch
        self.seed, self.repeats = seed, repeats
        self.weights = [max(1, round(one.share * SCALE)) for one in parts]
        counts = [one.part.count for one in parts]
        self.starts = np.cumsum(counts) - counts
        self.steps_per_epoch = max(1, sum(counts) // batch)

    def epoch_of(self, step: int) -> int:
        """See Order."""
        return step // self.steps_per_epoch

    def examples(self, step: int) -> dict[str, int]:
        """See Order."""
        counts = self._counts(step)
        return {
            one.name: count * self.repeats for one, count in zip(self.parts, counts, strict=True)
        }

    def epochs(self, step: int) -> dict[str, float]:
        """How often each part is gone through in the steps before `step`."""
        counts = zip(self.parts, self._counts(step), strict=True)
        return {one.name: count / one.part.length for one, count in counts}

    def micro_batches(self, step: int) -> list[MicroRows]:
        """See Order."""
        ends = zip(self._counts(step), self._counts(step + 1), strict=True)
        drawn = [one.part.rows(*numbers) for one, numbers in zip(self.parts, ends, strict=True)]
        rows = np.concatenate(
            [found + start for (found, _), start in zip(drawn, self.starts, strict=True)]
        )
        epochs = np.concatenate([epochs for _, epochs in drawn])
        mixed = np.random.default_rng([self.seed, _BATCH, step]).permutation(len(rows))
        copies = np.repeat(np.arange(self.repeats), len(rows))
        rows, epochs = (np.tile(each[mixed], self.repeats) for each in (rows, epochs))
        cuts = [
            slice(begin, begin + self.micro_batch)
            for begin in range(0, self.batch, self.micro_batch)
        ]
        return [MicroRows(rows[cut], epochs[cut], copies[cut]) for cut in cuts]

    def shards(self, first: int, last: int, micro_batches: range) -> list[int]:
        """See Order; numbered over the parts that lie in shards, one part after the other."""
        found: list[int] = []
        before = 0
        ends = zip(self._counts(first), self._counts(last), strict=True)
        for one, numbers in zip(self.parts, ends, strict=True):
            found += [before + shard for shard in one.part.shards(*numbers)]
            before += one.part.in_shards
        return found

    def most_shards(self, steps: int, micro_batches: range) -> list[tuple[int, int]]:
        """See Order."""
        counts = self._counts(steps)  # those of other steps differ by less than a row a level
        return [
            (one.part.in_shards, one.part.most_shards(count + len(self.parts)))
            for one, count in zip(self.parts, counts, strict=True)
            if one.part.in_shards
        ]

    def _counts(self, step: int) -> list[int]:
        """How many rows of each part stand in the batches before `step`."""
        return counts_at(step * self.batch // self.repeats, self.weights)
