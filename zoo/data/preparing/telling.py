"""What is said while data is prepared: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_OFTEN = 10.0  # seconds between lines


class Told(Protocol):
    """Takes how many bytes of text a shard had."""

    def __call__(self, size: int) -> None: ...


@contextmanager
def told(what: str, total: int, done: int) -> Iterator[Told]:
    """Tells how far `what` is in `total` bytes, of which `done` lay there before."""
    if sys.stderr.isatty():
        with _bar(what, total, done) as one:
            yield one
    else:
        yield _Lines(what, total, done)


@contextmanager
def _bar(what: str, total: int, done: int) -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=max(total, 1), completed=done)
        yield lambda size: progress.update(task, advance=size)


class _Lines:
    """A line every ten seconds; none of what takes less."""

    def __init__(self, what: str, total: int, done: int) -> None:
        self.what, self.total, self.done = what, max(total, 1), done
        self.begun = self.last = time.monotonic()
        self.here = 0

    def __call__(self, size: int) -> None:
        self.here += size
        now = time.monotonic()
        if now - self.last < _OFTEN:
            return
        self.last, rate = now, self.here / (now - self.begun)
        share = min(1.0, (self.done + self.here) / self.total)
        left = max(0.0, self.total - self.done - self.here) / max(rate, 1.0)
        print(
            f"{self.what}: {share:.0%}, {rate / 1e6:.1f} MB/s, {left:.0f} s left", file=sys.stderr
        )
