"""From rows to batches: the global batch of a step, cut into micro-batches and shared out to ranks.

Reading, decoding, augmenting and collating happen in torch DataLoader workers, one micro-batch at a
time. A micro-batch is a pure function of (seed, step, its index in the global batch), so neither
the number of workers nor the number of ranks changes a bit of it.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from zoo.data.corrupt import CorruptLimit
from zoo.data.order import Order
from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows

MakeExample = Callable[[Row, np.random.Generator, bool], Example]
Collate = Callable[[list[Example], np.random.Generator, bool], Batch]

_EXAMPLE, _COLLATE, _EVAL_EXAMPLE, _EVAL_COLLATE = 11, 12, 13, 14  # streams of random numbers
_PREFETCH = 4  # micro-batches each worker is ahead
_BY_PIPE = 1 << 19  # bytes; a smaller tensor crosses a pipe faster than it is shared (measured)


class Batching(Protocol):
    """What the loader reads of zoo.recipe.derived.batching.Batching."""

    @property
    def micro_batch(self) -> int: ...
    @property
    def accumulation(self) -> int: ...


@dataclass(frozen=True)
class _Cell:
    """One micro-batch to make: which rows, with which weight, from which generators."""

    step: int
    micro: int
    epoch: int
    rows: np.ndarray  # int64 (micro_batch,)
    real: int  # the rest is padding, weight 0


class _MicroBatches(Dataset[Batch]):
    """Makes the micro-batch of a cell; runs in the workers."""

    def __init__(
        self,
        rows: Rows,
        example: MakeExample,
        collate: Collate,
        seed: int,
        training: bool,
        allowed: int,
        by_pipe: bool,
    ) -> None:
        self.rows, self.example, self.collate = rows, example, collate
        self.seed, self.training, self.allowed, self.by_pipe = seed, training, allowed, by_pipe

    def __getitem__(self, cell: _Cell) -> Batch:
        failures: list[tuple[int, str]] = []
        examples: list[dict[str, Any]] = []
        counted: list[bool] = []
        for place, index in enumerate(cell.rows.tolist()):
            found, readable = self._readable(index, cell.epoch, failures)
            if found is None:
                return {"failures": failures}
            counted.append(readable and place < cell.real)
            found["weight"] = float(counted[-1])
            examples.append(found)
        stream = _COLLATE if self.training else _EVAL_COLLATE
        rng = np.random.default_rng([self.seed, stream, cell.step, cell.micro])
        batch = self.collate(examples, rng, self.training)
        corrupt = cell.real - sum(counted)
        batch.update(ids=cell.rows.tolist(), counted=counted, corrupt=corrupt, failures=failures)
        return _lightened(batch) if self.by_pipe else batch

    def _readable(
        self, index: int, epoch: int, failures: list[tuple[int, str]]
    ) -> tuple[dict[str, Any] | None, bool]:
        """The example at `index`, or of the next row that can be read; None beyond the limit."""
        stream = _EXAMPLE if self.training else _EVAL_EXAMPLE
        for offset in range(len(self.rows)):
            row = (index + offset) % len(self.rows)
            rng = np.random.default_rng([self.seed, stream, epoch, index])
            try:
                return self.example(self.rows[row], rng, self.training), offset == 0
            except CorruptExample as error:
                failures.append((row, str(error)))
            if len(dict(failures)) > self.allowed:
                break
        return None, False


def train_batches(
    rows: Rows,
    order: Order,
    example: MakeExample,
    collate: Collate,
    batching: Batching,
    layout_data_rank: int,
    seed: int,
    workers: int,
    start_step: int,
    corrupt: CorruptLimit,
) -> Iterator[list[Batch]]:
    """Endless: this rank's `accumulation` micro-batches of each step from `start_step` on.

    Rank r takes micro-batches [r * accumulation, (r + 1) * accumulation) of the global batch. To
    what `collate` returns are added "ids" (row indices), "counted" (whether each place has the row
    that it names) and "corrupt" (places whose row could not be read: the next readable row stands
    in with weight 0). Raises ConfigError beyond `corrupt`.
    """
    first = layout_data_rank * batching.accumulation
    size = batching.micro_batch

    def cells() -> Iterator[_Cell]:
        step = start_step
        while True:
            batch, epoch = order.batch_of(step), order.epoch_of(step)
            for micro in range(first, first + batching.accumulation):
                chosen = batch[micro * size : (micro + 1) * size]
                yield _Cell(step, micro, epoch, chosen, size)
            step += 1

    made = _MicroBatches(rows, example, collate, seed, True, corrupt.allowed, workers > 0)
    share: list[Batch] = []
    for batch in _made(made, cells(), workers, corrupt):
        share.append(batch)
        if len(share) == batching.accumulation:
            yield share
            share = []


def eval_batches(
    rows: Rows,
    example: MakeExample,
    collate: Collate,
    micro_batch: int,
    data_rank: int,
    data_ranks: int,
    seed: int,
    workers: int,
    corrupt: CorruptLimit | None = None,
) -> Iterator[Batch]:
    """Every row once over all ranks, in order; each rank gets the same number of micro-batches.

    What is missing in the last ones is padded with the last row, weight 0. Without `corrupt` no row
    may be corrupt.
    """
    corrupt = corrupt or CorruptLimit()
    total = -(-len(rows) // (micro_batch * data_ranks)) * data_ranks

    def cells() -> Iterator[_Cell]:
        for micro in range(data_rank, total, data_ranks):
            places = np.arange(micro * micro_batch, (micro + 1) * micro_batch)
            real = int((places < len(rows)).sum())
            yield _Cell(0, micro, 0, np.minimum(places, len(rows) - 1), real)

    made = _MicroBatches(rows, example, collate, seed, False, corrupt.allowed, workers > 0)
    yield from _made(made, cells(), min(workers, total // data_ranks), corrupt)


def _made(
    made: _MicroBatches, cells: Iterator[_Cell], workers: int, corrupt: CorruptLimit
) -> Iterator[Batch]:
    """The batches of the cells, in their order, whatever the number of workers."""
    loader: DataLoader[Batch] = DataLoader(
        made,
        batch_size=None,
        sampler=cells,
        num_workers=workers,
        collate_fn=_unchanged,  # type: ignore[arg-type]  # one batch, not a list of examples
        worker_init_fn=_begin_worker,
        prefetch_factor=_PREFETCH if workers else None,
        multiprocessing_context="fork" if workers else None,
        generator=torch.Generator(),  # else torch draws from the global one
    )
    for batch in _begun(loader):
        corrupt.add(batch.pop("failures"))
        if "inputs" not in batch:
            raise corrupt.error()
        yield _restored(batch)


def _begun(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """The loader's iterator, without the signal handler of torch that comes with it.

    That handler raises wherever the main process happens to be when a worker dies. A launcher that
    stops a run terminates the workers first, and the step at hand must still be finished and saved;
    whoever waits for a batch of a dead worker gets torch's RuntimeError all the same.
    """
    previous = signal.getsignal(signal.SIGCHLD)
    batches: Iterator[Batch] = iter(loader)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, previous or signal.SIG_DFL)
    return batches


def _unchanged(batch: Batch) -> Batch:
    return batch


def _begin_worker(worker: int) -> None:
    """Ctrl-C is for the main process, which ends its workers; SIGTERM ends a worker at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its thread pool does not survive the fork


def _lightened(batch: Batch) -> Batch:
    """Small tensors as arrays: sharing memory costs the main process more than copying them."""
    return {key: _each(value, _to_array) for key, value in batch.items()}


def _restored(batch: Batch) -> Batch:
    return {key: _each(value, _to_tensor) for key, value in batch.items()}


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _each(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each(inner, change) for inner in value]
    return change(value)


def _to_array(value: Any) -> Any:
    small = isinstance(value, torch.Tensor) and value.nbytes <= _BY_PIPE
    return value.numpy() if small and value.dtype != torch.bfloat16 else value


def _to_tensor(value: Any) -> Any:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
