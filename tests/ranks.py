"""Rank processes for tests, forked from one server that has imported torch and deepspeed."""

import multiprocessing
import os
import secrets
import socket
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

PRELOAD = ["tests.preload"]


def free_port() -> int:
    """A TCP port that nothing listens on right now.

    Below those that the system hands out (on Linux from 32,768): one of these may be a connection's
    own end by the time that a world listens on it.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
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


class Ranks:
    """`function(*args)` in `world` processes with a launcher's environment, which run from now on.

    Worlds that have nothing to do with each other may run side by side.
    """

    def __init__(self, world: int, function: Callable[..., Any], *args: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        port = free_port()
        self.ranks: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []
        self.answers: dict[int, Any] = {}
        for rank in range(world):
            mine, theirs = context.Pipe()
            environment = {
                "RANK": rank,
                "LOCAL_RANK": rank,
                "WORLD_SIZE": world,
            }
            environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            process = context.Process(target=_rank, args=(theirs, environment, function, args))
            process.start()
            theirs.close()
            self.ranks.append((process, mine))

    def results(self, timeout: float = 240) -> list[Any]:
        """What the ranks return, by rank; waits until all have.

        The first rank that fails ends the others, and its traceback is the error.
        """
        try:
            while len(self.answers) < len(self.ranks):
                self._receive(timeout)
        finally:
            self.end()
        return [self.answers[rank] for rank in range(len(self.ranks))]

    def end(self) -> None:
        """Kills the ranks unless all have answered, and waits for their ends."""
        for process, _ in self.ranks:
            if len(self.answers) < len(self.ranks):
                process.kill()
            process.join(20)

    def _receive(self, timeout: float) -> None:
        """Takes the answers that are there, or come first."""
        waiting = {mine: n for n, (_, mine) in enumerate(self.ranks) if n not in self.answers}
        ready = wait(list(waiting), timeout)
        if not ready:
            raise TimeoutError(f"ranks {sorted(waiting.values())} gave no answer in {timeout} s")
        for connection in ready:
            rank = waiting[connection]
            try:
                good, value = connection.recv()
            except EOFError:
                good, value = False, f"rank {rank} died with {self.ranks[rank][0].exitcode}"
            if not good:
                raise AssertionError(f"rank {rank}:\n{value}")
            self.answers[rank] = value


def run_ranks(
    world: int, function: Callable[..., Any], *args: Any, timeout: float = 240
) -> list[Any]:
    """Calls `function(*args)` in `world` processes; what they return, by rank."""
    return Ranks(world, function, *args).results(timeout)


def _rank(answer: Connection, environment: dict[str, Any], function: Any, args: Any) -> None:
    os.environ.update({key: str(value) for key, value in environment.items()})
    try:
        answer.send((True, function(*args)))
    except BaseException:
        answer.send((False, traceback.format_exc()))
    sys.stderr.flush()
    answer.close()
    os._exit(0)
