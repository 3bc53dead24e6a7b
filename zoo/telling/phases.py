"""What a verb is at, on a terminal: a line as each long part begins, the first within a second, and
how far it is while it lasts.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import RenderableType

Item = TypeVar("Item")
BAR = 24
"""Columns of a bar; less on a narrow terminal."""
_OFTEN = 8
"""Drawings a second."""


def watched() -> bool:
    """Whether this is rank 0 on a terminal."""
    return sys.stderr.isatty() and os.environ.get("RANK", "0") == "0"


def phase(what: str) -> None:
    """Says on stderr what takes a while from now on; rank 0 on a terminal, nothing elsewhere."""
    if watched():
        dim, plain = ("", "") if os.environ.get("NO_COLOR") else ("\033[2m", "\033[0m")
        print(f"{dim}{what} ...{plain}", file=sys.stderr, flush=True)


def shown(items: Sequence[Item], what: str, unit: str) -> Iterator[Item]:
    """The items, and how many of them are done drawn meanwhile."""
    done, total = 0, len(items)
    with measured(lambda: (f"{what} {done} of {total} {unit}", done, total)):
        for item in items:
            yield item
            done += 1


@contextmanager
def written(folder: Path, what: str, total: int) -> Iterator[None]:
    """Draws how many of `total` bytes stand in a folder's files while it is open."""

    def far() -> tuple[str, float, float]:
        there = size_of(folder)
        return f"{what} {megabytes(there)} of {megabytes(total)}", there, total

    with measured(far):
        yield


@contextmanager
def measured(far: Callable[[], tuple[str, float, float]]) -> Iterator[None]:
    """Draws what `far` tells (words, how much is done, of how much) on rank 0's terminal while it
    is open; no trace of it stays. Nothing elsewhere.
    """
    if not watched():
        yield
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    drawn = Live(
        console=console,
        refresh_per_second=_OFTEN,
        transient=True,
        get_renderable=lambda: bar_line(*far(), console.width),
    )
    with drawn:
        yield


def bar_line(words: str, done: float, total: float, width: int) -> "RenderableType":
    """A bar and words in one line, which is not wider than that."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    words = words[:width]
    room = width - len(words) - 1
    line = Table.grid(padding=(0, 1, 0, 0))
    if room >= BAR // 2:
        bar = ProgressBar(total, min(done, total), width=min(BAR, room))
        line.add_row(bar, Text(words, no_wrap=True))
    else:
        line.add_row(Text(words, no_wrap=True))
    return line


def size_of(folder: Path) -> int:
    """Bytes of the files that lie in a folder, which others may be writing."""
    total = 0
    try:
        for entry in os.scandir(folder):
            total += entry.stat().st_size
    except OSError:
        pass  # it is not there yet, or a file was just renamed
    return total


def megabytes(size: float) -> str:
    """Bytes as people say them."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
