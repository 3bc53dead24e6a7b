"""What every order of training rows answers: which rows a step's micro-batches are made of."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class MicroRows:
    """The rows of one micro-batch, int64 (examples,) each: their indices, the epoch that each of
    them is in, and which time it is that its epoch has it. Those behind the first `real` ones have
    no weight; None: all count.
    """

    rows: np.ndarray
    epochs: np.ndarray
    copies: np.ndarray
    real: int | None = None

    @property
    def examples(self) -> int:
        """How many rows count."""
        return len(self.rows) if self.real is None else self.real

    def first(self, count: int) -> "MicroRows":
        """The first `count` of them."""
        real = None if self.real is None else min(self.real, count)
        return MicroRows(self.rows[:count], self.epochs[:count], self.copies[:count], real)


class Order(Protocol):
    """The micro-batches of every step of an endless training: a pure function of (seed, step),
    blind to ranks and workers.
    """

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which the rows are gone through once."""

    def epoch_of(self, step: int) -> int:
        """The epoch that optimizer step `step` (0-based) belongs to."""

    def micro_batches(self, step: int) -> list[MicroRows]:
        """The micro-batches of the global batch of a step, the same number in every step."""

    def shards(self, first: int, last: int, micro_batches: range) -> list[int]:
        """The shards (Rows.shard_sizes) that hold the rows of some micro-batches of steps
        [first, last), in the order of first need; none where rows lie in no shards.

        A data rank asks for its own: [rank * accumulation, (rank + 1) * accumulation).
        """

    def most_shards(self, steps: int, micro_batches: range) -> list[tuple[int, int]]:
        """Of each source in shards, in the order of their numbers: how many it has, and the most of
        them that `shards` may name for so many steps in a row (0: it names none).
        """

    def examples(self, step: int) -> dict[str, int]:
        """How many examples of each part of a mixture the steps before `step` have; of one source
        none is told apart.
        """


class First:
    """An order of which every micro-batch has its first `count` rows alone. See Order."""

    def __init__(self, order: Order, count: int) -> None:
        self.order, self.count = order, count
        self.steps_per_epoch = order.steps_per_epoch

    def epoch_of(self, step: int) -> int:
        """See Order."""
        return self.order.epoch_of(step)

    def micro_batches(self, step: int) -> list[MicroRows]:
        """See Order."""
        return [one.first(self.count) for one in self.order.micro_batches(step)]

    def shards(self, first: int, last: int, micro_batches: range) -> list[int]:
        """See Order."""
        return self.order.shards(first, last, micro_batches)

    def most_shards(self, steps: int, micro_batches: range) -> list[tuple[int, int]]:
        """See Order."""
        return self.order.most_shards(steps, micro_batches)

    def examples(self, step: int) -> dict[str, int]:
        """See Order; one source."""
        return {}
