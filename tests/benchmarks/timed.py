"""`python -m tests.benchmarks.timed FILE <words of zoo>`: the command line, watched step by step.

FILE.<rank> gets the bytes that this host had sent after each step, what fp32 all-reduce would send,
and the mean seconds of encoding in a step. Encoding is all that an exchange does between a gradient
and its mean, less the time in collectives: errors added, messages written and read, means taken.
Nothing is exported.
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
from zoo.compression import mean
from zoo.compression.gradients.low_rank import PowerSGD
from zoo.compression.gradients.top_k import TopK
from zoo.compression.optimizers import sharded
from zoo.engines.zero import ZeroEngine
from zoo.training import run

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


def sent() -> int:
    """Bytes that this host has sent on its interface."""
    counter = f"/sys/class/net/{os.environ['GLOO_SOCKET_IFNAME']}/statistics/tx_bytes"
    return int(Path(counter).read_text(encoding="utf-8"))


def watched(call: Callable[..., Any], steps: dict[str, Any]) -> Callable[..., Any]:
    """A step after which the counter is read."""

    def step(engine: ZeroEngine, *args: Any) -> Any:
        done = call(engine, *args)
        elements = sum(p.numel() for p in engine.wrapped.inner.module.parameters())
        ranks = engine.contract.layout.data
        steps["whole"] = 2 * (ranks - 1) * 4 * elements / ranks
        steps["sent"].append(sent())
        return done

    return step


def main() -> None:
    """Runs the command line and writes what was measured."""
    file, clock, steps = sys.argv.pop(1), Clock(), {"sent": []}
    for kind in (mean.TwoPhaseMean, TopK, PowerSGD):
        kind.__call__ = clock.exchange(kind.__call__, counted=True)
    sharded.gather_chunks = clock.exchange(sharded.gather_chunks, counted=False)
    for name in COLLECTIVES:
        setattr(dist, name, clock.collective(getattr(dist, name)))
    ZeroEngine.train_batch = watched(ZeroEngine.train_batch, steps)
    run.finish = lambda *_: None
    try:
        app()
    finally:
        seconds = (clock.exchanging - clock.travelling) / max(clock.exchanges, 1)
        own = Path(f"{file}.{os.environ['RANK']}")
        own.write_text(json.dumps(steps | {"encoding": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
