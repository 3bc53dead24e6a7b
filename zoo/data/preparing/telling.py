"""What is said while data is prepared: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_SOON = 1.0  # seconds, after which a bar is worth drawing
_OFTEN = 10.0  # between lines


class Told(Protocol):
    """Takes how much was done since it was last told."""

    def __call__(self, size: int) -> None: ...


@contextmanager
def told(what: str, total: int, done: int, unit: str = "MB") -> Iterator[Told]:
    """Tells how far `what` is in `total` bytes (MB) or whatever `unit` says, of which `done` lay
    there before.
    """
    if sys.stderr.isatty():
        with _bar(what, total, done, unit) as one:
            yield one
    else:
        yield _Lines(what, total, done, unit)


@contextmanager
def _bar(what: str, total: int, done: int, unit: str) -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.finished_speed or task.speed or 0:.0f} {unit}/s")

    of_bytes = DownloadColumn(), TransferSpeedColumn()
    far = of_bytes if unit == "MB" else (MofNCompleteColumn(), Rate())
    columns = (TextColumn("{task.description}"), BarColumn(), *far, TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True))
    task = progress.add_task(what, total=max(total, 1), completed=done)
    begun = time.monotonic()

    def tell(size: int) -> None:
        progress.update(task, advance=size)
        if not progress.live.is_started and time.monotonic() - begun > _SOON:
            progress.start()

    try:
        yield tell
    finally:
        progress.stop()


class _Lines:
    """A line every ten seconds; none of what takes less."""

    def __init__(self, what: str, total: int, done: int, unit: str) -> None:
        self.what, self.total, self.done, self.unit = what, max(total, 1), done, unit
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
        fast = f"{rate / 1e6:.1f}" if self.unit == "MB" else f"{rate:.0f}"
        said = f"{self.what}: {share:.0%}, {fast} {self.unit}/s, {left:.0f} s left"
        print(said, file=sys.stderr)
