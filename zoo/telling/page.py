"""Tables and pages as plain rows and lines, and how they are printed."""

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zoo.errors import printable

Table = tuple[list[str], list[list[str]]]
LEAST = 30
"""Columns of a terminal that suffice a column whose words are folded."""

BELOW = "    "
"""Before a text that stands below its name."""


@dataclass(frozen=True)
class Page:
    """Tables as heads and rows, the lines below them, and the same for programs.

    `above` are lines before the tables; `whole` and `folded` are heads, see `print_table`.
    """

    tables: list[Table]
    lines: list[str]
    content: dict[str, Any]
    above: Sequence[str] = ()
    whole: Sequence[str] = ()
    folded: Sequence[str] = ()


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_page(page: Page, as_json: bool) -> None:
    """A page on stdout, or its content as one JSON object."""
    if as_json:
        print(json.dumps(page.content, indent=2))
        return
    if page.above:
        print("\n".join([*page.above, ""]))
    for place, (heads, rows) in enumerate(page.tables):
        if place:
            print()
        print_table(heads, rows, whole=page.whole, folded=page.folded)
    if page.lines:
        print("\n".join(["", *page.lines] if page.tables else page.lines))


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    to_stderr: bool = False,
    whole: Sequence[str] = (),
    folded: Sequence[str] = (),
) -> None:
    """A table without lines, on stdout or stderr; without heads a line a row, see `in_lines`.

    On a terminal columns named in `whole` are never folded: what one copies stands in one piece.
    The last of the others are left out, and said, where they leave no room. Those named in
    `folded` are folded between words, and need but `LEAST`; without `whole` all are.
    """
    from rich.console import Console
    from rich.table import Table as RichTable

    # A pipe has no width: nothing is folded there, so that `zoo list | grep` works.
    stream = sys.stderr if to_stderr else sys.stdout
    if not any(heads):
        width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else sys.maxsize
        print("\n".join(in_lines(rows, width)), file=stream, flush=True)
        return
    console = Console(file=stream, width=None if stream.isatty() else 400)
    kept = shown(heads, rows, console.width, whole, folded) if whole else list(range(len(heads)))
    table = RichTable(box=None, pad_edge=False)
    for place in kept:
        stays = heads[place] in whole or bool(folded and heads[place] not in folded)
        table.add_column(heads[place], no_wrap=stays, overflow="ignore" if stays else "fold")
    for row in rows:
        table.add_row(*(printable(row[place]) for place in kept))
    console.print(table, soft_wrap=not stream.isatty(), crop=False)
    if left := [head for place, head in enumerate(heads) if place not in kept]:
        print(f"no room here for: {', '.join(left)}", file=sys.stderr)


def in_lines(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows of a name and a text as lines, folded between words: what is copied stands whole.

    A name without a text is a heading. A text stands below its name where that takes half of the
    width, or where a word of the text has no room beside it.
    """
    short = [len(name) for name, text in rows if text and len(name) + 2 <= width // 2]
    indent = max(short, default=0) + 2
    lines = []
    for name, text in rows:
        words = printable(text).split()
        longest = max(map(len, words), default=0)
        beside = len(name) + 2 <= indent and longest <= width - indent
        if not (words and beside):
            lines.append(printable(name))
        lines += textwrap.wrap(
            " ".join(words),
            width,
            initial_indent=printable(name).ljust(indent) if beside else BELOW,
            subsequent_indent=" " * indent if beside else BELOW,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def shown(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    whole: Sequence[str],
    folded: Sequence[str] = (),
) -> list[int]:
    """The places of the columns that fit side by side, those of `whole` before all others."""
    wide = [max(len(line[place]) for line in (heads, *rows)) + 2 for place in range(len(heads))]
    wide = [
        min(one, LEAST) if head in folded else one for one, head in zip(wide, heads, strict=True)
    ]
    kept = [place for place, head in enumerate(heads) if head in whole]
    for place in range(len(heads)):
        if place in kept:
            continue
        if sum(wide[one] for one in (*kept, place)) - 2 > width:
            break
        kept.append(place)
    return sorted(kept)
