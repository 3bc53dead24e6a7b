"""Rank processes for tests, forked from one server that has imported torch and deepspeed."""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

PRELOAD = ["tests.preload"]


def free_port() -> int:
    """A TCP port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def started(function: Callable[..., Any], *args: Any) -> multiprocessing.process.BaseProcess:
    """One process, as without a launcher; its exit code is what `function` returns."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    process = context.Process(target=_alone, args=(function, args))
    process.start()
    return process


def _alone(function: Any, args: Any) -> None:
    os._exit(function(*args))


def run_ranks(
    world: int, function: Callable[..., Any], *args: Any, timeout: float = 240
) -> list[Any]:
    """Calls `function(*args)` in `world` processes with a launcher's environment; results by rank.

    The first rank that fails ends the others, and its traceback is the error.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    port, ranks, results = free_port(), [], {}
    for rank in range(world):
        mine, theirs = context.Pipe()
        environment = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": world,
            "LOCAL_WORLD_SIZE": world,
        }
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        process = context.Process(target=_rank, args=(theirs, environment, function, args))
        process.start()
        theirs.close()
        ranks.append((process, mine))
    try:
        while len(results) < world:
            waiting = {mine: rank for rank, (_, mine) in enumerate(ranks) if rank not in results}
            ready = wait(list(waiting), timeout)
            if not ready:
                raise TimeoutError(
                    f"ranks {sorted(waiting.values())} gave no answer in {timeout} s"
                )
            for connection in ready:
                rank = waiting[connection]
                try:
                    good, value = connection.recv()
                except EOFError:
                    good, value = False, f"rank {rank} died with {ranks[rank][0].exitcode}"
                if not good:
                    raise AssertionError(f"rank {rank}:\n{value}")
                results[rank] = value
    finally:
        for process, _ in ranks:
            if len(results) < world:
                process.kill()
            process.join(20)
    return [results[rank] for rank in range(world)]


def _rank(answer: Connection, environment: dict[str, Any], function: Any, args: Any) -> None:
    os.environ.update({key: str(value) for key, value in environment.items()})
    try:
        answer.send((True, function(*args)))
    except BaseException:
        answer.send((False, traceback.format_exc()))
    sys.stderr.flush()
    answer.close()
    os._exit(0)
