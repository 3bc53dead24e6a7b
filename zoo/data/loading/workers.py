"""Batches out of worker processes: how workers start, and what crosses to the main process."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from zoo.data.rows import Batch

PR_SET_PDEATHSIG = 1  # prctl(2)
_PREFETCH = 4  # micro-batches each worker is ahead
_BY_PIPE = 1 << 19  # bytes; a smaller tensor crosses a pipe faster than it is shared (measured)


def worked(made: Dataset[Batch], cells: Iterator[Any], workers: int) -> Iterator[Batch]:
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
        yield _restored(batch)


def or_fault(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches up to one that cannot be made, whatever the reason: in its place stands what
    happened, as "fault", and then there are no more.
    """
    try:
        yield from batches
    except Exception as error:
        yield {"failures": [], "fault": _said(error)}


def _said(error: Exception) -> str:
    """In a line what a machine does (a disk that fails, a worker that is killed), in full the rest.

    What a worker raises comes with its traceback as text.
    """
    text = str(error).strip()
    if isinstance(error, OSError) or text.startswith("DataLoader worker"):
        last = text.splitlines()[-1] if text else ""
        return last if "Error" in last else f"{type(error).__name__}: {last}"
    return "".join(traceback.format_exception(error))


def _begun(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """The loader's batches, without the signal handler of torch that comes with its workers.

    That handler raises wherever the main process happens to be when a worker dies. A launcher that
    stops a run terminates the workers first, and the step at hand must still be finished and saved.
    Ours raises only where somebody waits for a batch: a worker that is killed in the middle of one
    leaves half of it in a pipe, and the wait for the rest would have no end.
    """
    before = signal.getsignal(signal.SIGCHLD)
    known = set(multiprocessing.active_children())
    batches: Iterator[Batch] = iter(loader)
    workers = set(multiprocessing.active_children()) - known
    if threading.current_thread() is not threading.main_thread() or not workers:
        yield from batches
        return
    signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)
    while (batch := _awaited(batches, workers)) is not None:
        yield batch


def _awaited(batches: Iterator[Batch], workers: set[BaseProcess]) -> Batch | None:
    """The next batch, None after the last; RuntimeError once a worker has died."""

    def look(*_: Any) -> None:
        for worker in workers:
            if worker.exitcode:  # negative: by a signal
                name = f"DataLoader worker (pid {worker.pid})"
                raise RuntimeError(f"{name} ended with exit code {worker.exitcode}")

    before = signal.signal(signal.SIGCHLD, look)
    try:
        look()
        return next(batches, None)
    finally:
        signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)


def _unchanged(batch: Batch) -> Batch:
    return batch


def _begin_worker(worker: int) -> None:
    """Ctrl-C and a batch system's notice are for the main process, which ends its workers; SIGTERM
    ends a worker at once, and so does the end of the main process, whatever it dies of.
    """
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its thread pool does not survive the fork


def die_with_parent() -> None:
    """Lets Linux kill this process when the one that forked it ends.

    A worker that finds its parent gone waits for somebody to read what it has written into a pipe:
    for ever, with the memory that it holds, and whoever reads the run's output waits with it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def lightened(batch: Batch) -> Batch:
    """Small tensors as arrays: sharing memory costs the main process more than copying them."""
    return {key: _each(value, _to_array) for key, value in batch.items()}


def _restored(batch: Batch) -> Batch:
    return {key: _each(value, _to_tensor) for key, value in batch.items()}


def _each(value: Any, change: Any) -> Any:
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
