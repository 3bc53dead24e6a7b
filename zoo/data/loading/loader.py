"""From rows to batches: the global batch of a step, cut into micro-batches and shared out to ranks.

Reading, decoding, augmenting and collating happen in worker processes, one micro-batch at a time. A
micro-batch is a pure function of (seed, step, its index in the global batch), so neither the number
of workers nor the number of ranks changes a bit of it.
"""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from zoo.data.corrupt import CorruptLimit, placed
from zoo.data.loading.shards import EvalShards, TrainShards
from zoo.data.loading.workers import Workers, or_fault, worked
from zoo.data.ordering.order import MicroRows, Order
from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows

MakeExample = Callable[[Row, np.random.Generator, bool], Example]
Collate = Callable[[list[Example], np.random.Generator, bool], Batch]

_EXAMPLE, _COLLATE, _EVAL_EXAMPLE, _EVAL_COLLATE = 11, 12, 13, 14  # streams of random numbers
_AGAIN = (0.5, 2.0)  # seconds to wait before a read is tried again that the machine has failed
_OF_THE_MACHINE = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOTCONN, errno.ECONNRESET),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),
}


@dataclass(frozen=True)
class _Cell:
    """One micro-batch to make: which rows, with which weight, from which generators."""

    step: int
    micro: int
    of: MicroRows
    real: int  # the rest is padding, weight 0


class MicroBatches:
    """Makes the micro-batch of a cell; runs in the workers."""

    def __init__(
        self,
        rows: Rows,
        example: MakeExample,
        collate: Collate,
        seed: int,
        training: bool,
        allowed: int,
    ) -> None:
        self.rows, self.example, self.collate = rows, example, collate
        self.seed, self.training, self.allowed = seed, training, allowed

    def __getitem__(self, cell: _Cell) -> Batch:
        failures: list[tuple[int, str]] = []
        examples: list[dict[str, Any]] = []
        counted: list[bool] = []
        each = zip(cell.of.rows.tolist(), cell.of.epochs.tolist(), cell.of.copies, strict=True)
        for place, (index, epoch, copy) in enumerate(each):
            words = [epoch, index, *([int(copy)] if copy else [])]
            found, readable = self._readable(index, words, failures)
            if found is None:
                return {"failures": failures}
            counted.append(readable and place < cell.real)
            found["weight"] = float(counted[-1])
            examples.append(found)
        stream = _COLLATE if self.training else _EVAL_COLLATE
        rng = np.random.default_rng([self.seed, stream, cell.step, cell.micro])
        batch = self.collate(examples, rng, self.training)
        corrupt = cell.real - sum(counted)
        batch.update(ids=cell.of.rows.tolist(), counted=counted, corrupt=corrupt, failures=failures)
        batch["examples"] = cell.real
        return batch

    def _readable(
        self, index: int, words: list[int], failures: list[tuple[int, str]]
    ) -> tuple[dict[str, Any] | None, bool]:
        """The example at `index`, or of the next row that can be read; None beyond the limit."""
        stream = _EXAMPLE if self.training else _EVAL_EXAMPLE
        for offset in range(len(self.rows)):
            row = (index + offset) % len(self.rows)
            try:
                return self._example(row, [self.seed, stream, *words]), offset == 0
            except CorruptExample as error:
                failures.append((row, placed(self.rows, row, error)))
            if len(dict(failures)) > self.allowed:
                break
        return None, False

    def _example(self, row: int, words: list[int]) -> Example:
        """The example of a row, with draws from a generator of these words.

        A fault of the machine (a disk, a file server, memory) says nothing about the row: the read
        is tried again, and then the OSError is raised.
        """
        for pause in (*_AGAIN, None):
            try:
                return self.example(self.rows[row], np.random.default_rng(words), self.training)
            except (CorruptExample, OSError) as error:
                cause = error if isinstance(error, OSError) else error.__cause__
                if not isinstance(cause, OSError) or cause.errno not in _OF_THE_MACHINE:
                    raise
                if pause is None:
                    raise OSError(cause.errno, f"{cause.strerror}: {error}") from error
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def train_batches(
    rows: Rows,
    order: Order,
    example: MakeExample,
    collate: Collate,
    accumulation: int,
    layout_data_rank: int,
    seed: int,
    workers: int | Workers,
    start_step: int,
    corrupt: CorruptLimit,
) -> Iterator[list[Batch]]:
    """Endless: this rank's `accumulation` micro-batches of each step from `start_step` on.

    Rank r takes micro-batches [r * accumulation, (r + 1) * accumulation) of the global batch. To
    what `collate` returns are added "ids" (row indices), "counted" (whether each place has the row
    that it names), "examples" (how many of the rows are not there to fill up) and "corrupt" (places
    whose row could not be read: the next readable row stands in with weight 0). Where `corrupt` is
    of a process alone, ConfigError is raised beyond it. Else each batch also has "failures", what
    rows could not be read (row, message); one that could not be made has nothing else, but for the
    "fault" that stopped it.

    `workers`: how many make them, or those that there are, for these rows.
    """
    first = layout_data_rank * accumulation
    micro_batches = range(first, first + accumulation)
    shards = TrainShards(rows, order, micro_batches, workers, start_step)

    def cells() -> Iterator[_Cell]:
        step = start_step
        while True:
            shards.ask(step)
            of_step = order.micro_batches(step)
            for micro in micro_batches:
                yield _Cell(step, micro, of_step[micro], of_step[micro].examples)
            step += 1

    made = MicroBatches(rows, example, collate, seed, True, corrupt.allowed)
    with shards:
        for share in _in_shares(_made(made, cells(), workers, corrupt), accumulation):
            shards.take()
            yield share


def _in_shares(batches: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    """So many at a time; the last are fewer where a fault cut them short."""
    while share := list(islice(batches, size)):
        yield share


def eval_batches(
    rows: Rows,
    example: MakeExample,
    collate: Collate,
    micro_batch: int,
    data_rank: int,
    data_ranks: int,
    seed: int,
    workers: int | Workers,
    corrupt: CorruptLimit | None = None,
    cuts: Sequence[np.ndarray] | None = None,
) -> Iterator[Batch]:
    """Every row once over all ranks, in order; each rank gets the same number of micro-batches.

    What is missing in the last ones is padded with the last row, weight 0. Without `corrupt` no row
    may be corrupt. `cuts` are the rows of each micro-batch where they have not `micro_batch` each.
    """
    corrupt = corrupt or CorruptLimit()
    count = -(-len(rows) // micro_batch) if cuts is None else len(cuts)
    total = -(-count // data_ranks) * data_ranks
    shards = EvalShards(rows)

    def cells() -> Iterator[_Cell]:
        for micro in range(data_rank, total, data_ranks):
            places = np.arange(micro * micro_batch, (micro + 1) * micro_batch)
            if cuts is not None:
                places = cuts[micro] if micro < count else np.array([len(rows)])
            real = int((places < len(rows)).sum())
            chosen = np.minimum(places, len(rows) - 1)
            shards.ask(int(chosen[0]))
            zeros = np.zeros_like(chosen)
            yield _Cell(0, micro, MicroRows(chosen, zeros, zeros), real)

    made = MicroBatches(rows, example, collate, seed, False, corrupt.allowed)
    if isinstance(workers, int):
        workers = min(workers, total // data_ranks)
    with shards:
        for batch in _made(made, cells(), workers, corrupt):
            shards.take()
            yield batch


def _made(
    made: MicroBatches, cells: Iterator[_Cell], workers: int | Workers, corrupt: CorruptLimit
) -> Iterator[Batch]:
    """The batches of the cells, noted by the limit; one that is not alone is told faults too."""
    if isinstance(workers, Workers):
        batches = workers.batches(cells)
    else:
        batches = worked(made, cells, workers)
    for batch in batches if corrupt.alone else or_fault(batches):
        corrupt.take(batch)
        yield batch
