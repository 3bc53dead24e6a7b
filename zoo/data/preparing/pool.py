"""Processes that write shards: clean ones, handed one share after another, gone with their parent.

They come from a server that is forked before anything else has threads (forkserver), and know only
what is sent to them.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from zoo.data.preparing.shares import Share
from zoo.data.preparing.writing import Shard, Work
from zoo.errors import DataError

_PRELOADED = ["zoo.data.preparing.pool", "zoo.data.sources.table"]


def warm() -> None:
    """Starts the server, which imports what workers need while this process does something else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    from multiprocessing.forkserver import ensure_running

    ensure_running()


def written(work: Work, shares: Mapping[int, Share], processes: int) -> Iterator[Shard]:
    """The shards of the shares as they become whole, by so many processes.

    Raises DataError where one of them dies, as the system kills those that want too much memory.
    """
    warm()
    context = multiprocessing.get_context("forkserver")
    todo = iter(shares.items())
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(min(processes, len(shares))):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(theirs, work), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process
            ours.send(next(todo, None))
        while workers:
            for one in wait(list(workers)):
                assert isinstance(one, Connection)
                shard = _received(one, workers[one])
                share = next(todo, None)
                one.send(share)
                if share is None:
                    workers.pop(one).join()
                    one.close()
                yield shard
    finally:
        for process in workers.values():
            process.terminate()
        for one in workers:
            workers[one].join()
            one.close()


def _received(one: Connection, process: BaseProcess) -> Shard:
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
    assert isinstance(found, Shard)
    return found


def _work(one: Connection, work: Work) -> None:
    """The life of a worker: a share comes, a shard or what went wrong goes, until None comes."""
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
