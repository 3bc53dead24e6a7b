"""`python -m tests.benchmarks.timed FILE <words of zoo>`: the command line, with encoding timed.

Encoding is all that an exchange does between a gradient and its mean, less the time in collectives:
errors added, messages written and read, means taken. FILE gets the mean seconds of a compressed
step, written by rank 0.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed as dist

from zoo.cli import app
from zoo.compression import mean, sharded
from zoo.compression.low_rank import PowerSGD
from zoo.compression.top_k import TopK

COLLECTIVES = ("all_reduce", "all_to_all_single", "all_gather")


class Clock:
    """Seconds in exchanges and in collectives, and how many exchanges there were."""

    def __init__(self) -> None:
        self.exchanging = self.travelling = 0.0
        self.exchanges, self.inside = 0, False

    def exchange(self, call: Callable[..., Any], counted: bool) -> Callable[..., Any]:
        """Times a call whose collectives are not encoding."""

        def timed(*args: Any, **options: Any) -> Any:
            self.inside, start = True, time.perf_counter()
            found = call(*args, **options)
            self.exchanging += time.perf_counter() - start
            self.inside = False
            self.exchanges += counted
            return found

        return timed

    def collective(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Times a collective, and the wait for it where it was only started."""

        def timed(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            work = call(*args, **options)
            self.travelling += (time.perf_counter() - start) * self.inside
            return work if work is None else Waiting(work, self)

        return timed


class Waiting:
    """A collective under way, whose wait is timed."""

    def __init__(self, work: Any, clock: Clock) -> None:
        self.work, self.clock = work, clock

    def wait(self) -> None:
        """Waits."""
        start = time.perf_counter()
        self.work.wait()
        self.clock.travelling += (time.perf_counter() - start) * self.clock.inside


def main() -> None:
    """Runs the command line and writes what was measured."""
    file, clock = Path(sys.argv.pop(1)), Clock()
    for kind in (mean.TwoPhaseMean, TopK, PowerSGD):
        kind.__call__ = clock.exchange(kind.__call__, counted=True)
    sharded.gather_chunks = clock.exchange(sharded.gather_chunks, counted=False)
    for name in COLLECTIVES:
        setattr(dist, name, clock.collective(getattr(dist, name)))
    try:
        app()
    finally:
        if os.environ.get("RANK", "0") == "0":
            seconds = (clock.exchanging - clock.travelling) / max(clock.exchanges, 1)
            file.write_text(json.dumps({"encoding": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
