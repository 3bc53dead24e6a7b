"""The two lines at the foot of a terminal while a run goes on: how far, and how well."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from zoo.telling.phases import bar_line, megabytes, size_of

if TYPE_CHECKING:
    from rich.console import RenderableType

OFTEN = 0.25
"""Seconds between two drawings, so that short steps cost nothing."""
SMOOTH = 0.9
"""How much of the loss that is shown is that of the rows before, per row."""


class Screen:
    """Draws on stderr until it is closed; other lines appear above it."""

    def __init__(self, steps: int, step: int) -> None:
        self.steps, self.step, self.begun = steps, step, step
        self.loss: float | None = None
        self.facts: list[str] = []
        self.doing = ""
        self.folder: Path | None = None
        self.started = self.drawn = self.since = time.monotonic()
        self.console = Console(stderr=True)
        self.live = Live(console=self.console, auto_refresh=False, get_renderable=self.picture)
        self.live.start()

    def line(self, text: str) -> None:
        """A line that stays, above."""
        self.console.print(Text(text))

    def take(self, row: Mapping[str, Any], facts: Sequence[str]) -> None:
        """The newest row of metrics.jsonl, and what is told of it behind its loss."""
        loss = float(row["loss"])
        before = loss if self.loss is None else self.loss
        self.loss = SMOOTH * before + (1 - SMOOTH) * loss
        self.facts = [f"loss {self.loss:.4f}"]
        self.tell(facts)

    def tell(self, facts: Sequence[str]) -> None:
        """What stands behind the loss."""
        self.facts = [*self.facts[:1], *facts]
        self.draw()

    def at(self, step: int) -> None:
        """How many steps are done; drawn if the last drawing is a while ago."""
        self.step = step
        if time.monotonic() - self.drawn > OFTEN:
            self.draw()

    @contextmanager
    def now(self, doing: str, folder: Path | None = None) -> Iterator[None]:
        """Draws what the run does instead of a step while it is open: for how long, and how many
        bytes it has written into a folder, if it does.
        """
        self.doing, self.folder, self.since = doing, folder, time.monotonic()
        over = Event()
        ticking = Thread(target=self.tick, args=(over,), daemon=True)
        ticking.start()
        try:
            yield
        finally:
            over.set()
            ticking.join()
            self.doing = ""
            self.draw()

    def tick(self, over: Event) -> None:
        """Draws again and again, until it is over."""
        while True:
            self.draw()
            if over.wait(OFTEN):
                return

    def said(self) -> str:
        """What it does, for people."""
        if not self.doing:
            return ""
        there = 0 if self.folder is None else size_of(self.folder)
        size = [megabytes(there)] if there else []
        return " ".join([self.doing, *size, clock(int(time.monotonic() - self.since))])

    def draw(self) -> None:
        """Draws now."""
        self.drawn = time.monotonic()
        self.live.refresh()

    def close(self) -> None:
        """Leaves the last drawing where it is, and the cursor below it."""
        self.live.refresh()
        self.live.stop()

    def picture(self) -> "RenderableType":
        """Both lines, each as much as the terminal is wide."""
        width = self.console.width
        told = [f"step {self.step}/{self.steps}", self.left(), self.said()]
        words = fitting([one for one in told if one], width)
        first = bar_line(words, self.step, self.steps, width)
        return Group(first, Text(fitting(self.facts, width), no_wrap=True))

    def left(self) -> str:
        """The time that is left at the speed so far, evaluations and saves included."""
        done = self.step - self.begun
        if done == 0:
            return ""
        seconds = int((time.monotonic() - self.started) / done * (self.steps - self.step))
        return f"{clock(seconds)} left"


def fitting(parts: Sequence[str], width: int) -> str:
    """The parts in one line, the last left out where they are too many for it."""
    kept = list(parts)
    while len(kept) > 1 and len(" · ".join(kept)) > width:
        kept.pop()
    return " · ".join(kept)[:width]


def clock(seconds: int) -> str:
    """Hours, minutes and seconds."""
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def on_terminal() -> bool:
    """Whether stderr is a terminal that can be drawn on."""
    return sys.stderr.isatty() and Console(stderr=True).is_terminal
