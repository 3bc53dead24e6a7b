"""Which of the rows are read: a number that is drawn, a share that is held back from training."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.ordering.permutation import TABLE, mixed
from zoo.data.rows import Row, Rows, Subset, Wrapped, digest

_STRATA = 31  # a stream of random numbers
_ODD = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's


def drawn(rows: Rows, count: int | None, seed: int) -> Rows:
    """At most `count` rows (None: all), drawn from the seed, in their own order."""
    if count is None or len(rows) <= count or not rows.divisible:
        return rows
    if len(rows) > TABLE:
        return Sample(rows, Strata(len(rows), count, seed))
    chosen = np.random.default_rng([seed, len(rows)]).permutation(len(rows))[:count]
    return Subset(rows, np.sort(chosen))


def cut(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """(train, valid): rows without a seeded share, and that share; either may be empty."""
    held = round(share * len(rows))
    if len(rows) > TABLE and 0 < held < len(rows):
        strata = Strata(len(rows), held, seed)
        return Sample(rows, strata, rest=True), Sample(rows, strata)
    shuffled = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
    return Subset(rows, np.sort(shuffled[held:])), Subset(rows, np.sort(shuffled[:held]))


class Strata:
    """`chosen` of range(count), drawn without a table: one from each of as many equal stretches.

    Stratified sampling (Cochran 1977, "Sampling Techniques", 5.1): every number is as likely as
    its stretch is short, and the chosen ones are in their own order, as the rest are. All methods
    take and give int64 (n,).
    """

    def __init__(self, count: int, chosen: int, seed: int) -> None:
        self.count, self.chosen, self.rest = count, chosen, count - chosen
        self.seed = np.random.SeedSequence([seed, _STRATA, count]).generate_state(1, np.uint64)[0]

    def picks(self, places: np.ndarray) -> np.ndarray:
        """The chosen numbers at these places."""
        start, width = self._start(places), self._start(places + 1) - self._start(places)
        return start + self._random(places) % width

    def others(self, places: np.ndarray) -> np.ndarray:
        """The numbers that are not chosen, at these places among them."""
        stretch = ((places + 1) * self.chosen - 1) // self.rest
        number = places + stretch
        found: np.ndarray = number + (number >= self.picks(stretch))
        return found

    def before(self, numbers: np.ndarray) -> np.ndarray:
        """How many chosen numbers are below each of these, which are from 0 to `count`."""
        stretch = ((numbers + 1) * self.chosen - 1) // self.count
        inside = np.minimum(stretch, self.chosen - 1)
        found: np.ndarray = inside + ((stretch > inside) | (self.picks(inside) < numbers))
        return found

    def _start(self, stretches: np.ndarray) -> np.ndarray:
        """Where stretches begin: with k * rest // chosen numbers before k that are not chosen."""
        found: np.ndarray = stretches * self.count // self.chosen
        return found

    def _random(self, places: np.ndarray) -> np.ndarray:
        """A number below 2^31 of each place."""
        found = mixed(places.astype(np.uint64) * _ODD + self.seed) >> np.uint64(33)
        return found.astype(np.int64)


class Sample(Wrapped):
    """The chosen rows of many, or the `rest` of them, in their own order; no index is kept."""

    def __init__(self, rows: Rows, strata: Strata, rest: bool = False) -> None:
        super().__init__(rows)
        self.strata, self.rest = strata, rest
        self.at = strata.others if rest else strata.picks
        words = (strata.count, strata.chosen, int(strata.seed), rest)
        self.fingerprint = digest("sample", rows.fingerprint, *words)

    def __len__(self) -> int:
        return self.strata.rest if self.rest else self.strata.chosen

    def __getitem__(self, index: int) -> Row:
        return self.rows[self._inner(index)]

    def name(self, index: int) -> str:
        return self.rows.name(self._inner(index))

    def value(self, index: int, role: str) -> Any:
        return self.rows.value(self._inner(index), role)

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        return self.rows.pieces(self._inner(index), role)

    def unreadable(self) -> dict[int, str]:
        found = self.rows.unreadable()
        inside = np.array(sorted(found), dtype=np.int64)
        places, after = self._before(inside), self._before(inside + 1)
        pairs = zip(inside.tolist(), places.tolist(), (after > places).tolist(), strict=True)
        return {place: found[index] for index, place, here in pairs if here}

    def lengths(self) -> np.ndarray | None:
        lengths = self.rows.lengths()
        return None if lengths is None else lengths[self.at(np.arange(len(self)))]

    def shard_sizes(self) -> np.ndarray | None:
        sizes = self.rows.shard_sizes()
        return None if sizes is None else np.diff(self._before(np.cumsum(sizes)), prepend=0)

    def _inner(self, index: int) -> int:
        return int(self.at(np.array([index]))[0])

    def _before(self, numbers: np.ndarray) -> np.ndarray:
        """How many of these rows stand before each number of the rows inside."""
        chosen = self.strata.before(numbers)
        return numbers - chosen if self.rest else chosen
