"""Processes that prepare data: clean ones, handed one piece after another, gone with their parent.

They come from a server that is forked before anything else has threads (forkserver), and know only
what is sent to them.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from zoo.errors import DataError

_PRELOADED = ["zoo.data.preparing.writing", "zoo.data.sources.table"]
T = TypeVar("T")


def warm() -> None:
    """Starts the server, which imports what workers need while this process does something else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    from multiprocessing.forkserver import ensure_running

    ensure_running()


def worked(work: Callable[..., T], todo: Iterator[tuple[Any, ...]], processes: int) -> Iterator[T]:
    """What `work` makes of each thing to do as it becomes ready, by so many processes at most.

    `todo` is asked for no more than is worked on, and one ahead. Raises what `work` raises, and
    DataError where a process dies, as the system kills those that want too much memory.
    """
    warm()
    context = multiprocessing.get_context("forkserver")
    workers: dict[Connection, BaseProcess] = {}
    try:
        first = list(islice(todo, processes))
        for _ in first:  # all of them begin before one has read what it is to do
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(theirs, work), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process
        for connection, asked in zip(workers, first, strict=True):
            _send(connection, asked)
        ready = next(todo, None)
        while workers:
            for one in wait(list(workers)):
                assert isinstance(one, Connection)
                found = _received(one, workers[one])
                _send(one, ready)
                if ready is None:
                    workers.pop(one).join()
                    one.close()
                else:
                    ready = next(todo, None)
                yield found
    finally:
        for process in workers.values():
            process.terminate()
        for one in workers:
            workers[one].join()
            one.close()


def _send(one: Connection, asked: tuple[Any, ...] | None) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it is dead, as is seen when it is heard
        one.send(asked)


def _received(one: Connection, process: BaseProcess) -> Any:
    try:
        found = one.recv()
    except (EOFError, OSError):
        process.join()
        code = process.exitcode
        said = f"a process that prepared data ended with exit code {code}"
        more = " (killed, as for want of memory: fewer with --processes)" if code == -9 else ""
        raise DataError(said + more) from None
    if isinstance(found, BaseException):
        raise found
    return found


def _work(one: Connection, work: Callable[..., Any]) -> None:
    """The life of a worker: something to do comes, what became of it goes, until None comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        while (asked := one.recv()) is not None:
            try:
                one.send(work(*asked))
            except Exception as error:
                one.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
