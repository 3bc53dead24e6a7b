"""Batches out of worker processes: how workers start and end, and what crosses to their parent.

torch's DataLoader would wait for ever for the rest of a batch whose worker was killed in the middle
of it, unless a signal handler of the main thread raises; here each worker has a pipe of its own,
whose end is seen by whichever thread reads it.
"""

import ctypes
import itertools
import multiprocessing
import os
import signal
import sys
import traceback
import weakref
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
import torch
from torch import multiprocessing as _shares_tensors  # noqa: F401  # teaches pipes to share tensors

from zoo.data.loading.room import Room, fits
from zoo.data.rows import Batch

PR_SET_PDEATHSIG = 1  # prctl(2)
_BY_PIPE = 1 << 19  # bytes; a smaller tensor crosses a pipe faster than it is shared (measured)


class Maker(Protocol):
    """Makes the batch of a cell, wherever it is."""

    def __getitem__(self, cell: Any, /) -> Batch: ...


class Workers:
    """Processes that make batches, from when it is made until it is closed; without any, the
    process itself does.

    Workers are forked, so that they share the rows that lie in memory and what is made from recipes
    need not be picklable: 0.03 s and 7 MB each, where spawned ones take 0.7 s and 145 MB. So make
    them before the process has threads and a GPU; they live no longer than the thread that does.
    """

    def __init__(self, maker: Maker, count: int, held: int = 2) -> None:
        self.maker = maker
        self.room = Room(count, held)
        """How far they are ahead; `held` batches at a time are kept by whoever reads them."""
        self.workers = [_Worker(maker, count) for _ in range(count)]
        self.close = weakref.finalize(self, _end, self.workers, os.getpid())
        """Ends the workers; so does the end of whoever holds this."""

    def batches(self, cells: Iterator[Any]) -> Iterator[Batch]:
        """The batches of the cells, in their order, whatever the number of workers.

        Raises RuntimeError once a worker has died. What a way through it that was not gone to its
        end has left is dropped by the next.
        """
        if not self.workers:
            for cell in cells:
                yield _restored(self.maker[cell])
            return
        for worker in self.workers:
            worker.forget()
        turns, asked = itertools.cycle(self.workers), deque[_Worker]()

        def ask() -> None:
            most = self.room.ahead * len(self.workers)
            for cell in itertools.islice(cells, max(most - len(asked), 0)):
                asked.append(next(turns).ask(cell))

        ask()
        while asked:
            batch, size, fit = asked.popleft().answer()
            self.room.took(size, fit)
            ask()
            yield _restored(batch)


class _Worker:
    """One process, the cells that wait for it and the pipe that its batches come through."""

    def __init__(self, maker: Maker, count: int) -> None:
        context = multiprocessing.get_context("fork")
        self.cells = context.Queue()  # writes in a thread: a full pipe stops nobody
        self.batches, theirs = context.Pipe(duplex=False)
        work = (maker, self.cells, theirs, count)
        self.process = context.Process(target=_work, args=work, daemon=True)
        self.process.start()
        theirs.close()  # so that the worker's end is the pipe's
        self.owed = 0

    def ask(self, cell: Any) -> "_Worker":
        """Sends a cell."""
        self.cells.put(cell)
        self.owed += 1
        return self

    def answer(self) -> tuple[Batch, int, bool]:
        """The next batch, its bytes that are for shared memory, and whether they fit there."""
        try:
            good, found, *of_room = self.batches.recv()
        except (EOFError, OSError) as error:
            self.process.join(5)
            name = f"data worker (pid {self.process.pid})"
            raise RuntimeError(f"{name} ended with exit code {self.process.exitcode}") from error
        self.owed -= 1
        if not good:
            kind, text = found
            raise kind(text)
        return found, *of_room

    def forget(self) -> None:
        """Drops what is still to come."""
        while self.owed:
            try:
                self.answer()
            except Exception:
                if self.process.exitcode is not None:
                    raise

    def end(self) -> None:
        """Takes leave of a worker that was told to go."""
        self.process.join(5)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.cells.cancel_join_thread()
        self.cells.close()
        self.batches.close()


def _end(workers: list[_Worker], parent: int) -> None:
    if os.getpid() != parent:  # a worker has copies of what its parent holds
        return
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.end()


def worked(maker: Maker, cells: Iterator[Any], count: int) -> Iterator[Batch]:
    """The batches of the cells out of so many workers, which end with them."""
    workers = Workers(maker, count)
    try:
        yield from workers.batches(cells)
    finally:
        workers.close()


def _work(maker: Maker, cells: Any, batches: Connection, count: int) -> None:
    """What a worker does until it is ended."""
    _begin_worker()
    while True:
        cell = cells.get()
        try:
            found = maker[cell]
            wide = sum(size for size in _sizes(found) if size > _BY_PIPE)
            fit = fits(wide, count)
            answer: Any = (True, lightened(found, _BY_PIPE if fit else sys.maxsize), wide, fit)
        except Exception as error:
            kind = OSError if isinstance(error, OSError) else RuntimeError
            answer = (False, (kind, f"in a data worker:\n{traceback.format_exc()}"))
        batches.send(answer)


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
    if isinstance(error, OSError) or text.startswith("data worker"):
        last = text.splitlines()[-1] if text else ""
        return last if "Error" in last else f"{type(error).__name__}: {last}"
    return "".join(traceback.format_exception(error))


def _begin_worker() -> None:
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
    """Lets Linux kill this process when the thread that forked it ends.

    A worker that finds its parent gone waits for somebody to read what it has written into a pipe:
    for ever, with the memory that it holds, and whoever reads the run's output waits with it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def lightened(batch: Batch, by_pipe: int = _BY_PIPE) -> Batch:
    """Small tensors as arrays: sharing memory costs the main process more than copying them."""

    def to_array(value: Any) -> Any:
        small = isinstance(value, torch.Tensor) and value.nbytes <= by_pipe
        return value.numpy() if small and value.dtype != torch.bfloat16 else value

    return {key: _each(value, to_array) for key, value in batch.items()}


def _restored(batch: Batch) -> Batch:
    return {key: _each(value, _to_tensor) for key, value in batch.items()}


def _sizes(batch: Batch) -> list[int]:
    """The bytes of each tensor."""
    found: list[int] = []
    _each(batch, lambda one: found.append(one.nbytes) if isinstance(one, torch.Tensor) else None)
    return found


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: _each(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each(inner, change) for inner in value]
    return change(value)


def _to_tensor(value: Any) -> Any:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
