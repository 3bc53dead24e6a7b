"""Tables and pages as plain rows and lines, and how they are printed."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zoo.errors import printable

Table = tuple[list[str], list[list[str]]]


@dataclass(frozen=True)
class Page:
    """Tables as heads and rows, the lines below them, and the same for programs."""

    tables: list[Table]
    lines: list[str]
    content: dict[str, Any]


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_page(page: Page, as_json: bool) -> None:
    """A page on stdout, or its content as one JSON object."""
    if as_json:
        print(json.dumps(page.content, indent=2))
        return
    for heads, rows in page.tables:
        print_table(heads, rows)
        print()
    print("\n".join(page.lines))


def print_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], to_stderr: bool = False
) -> None:
    """A table without lines, on stdout or stderr."""
    from rich.console import Console
    from rich.table import Table as RichTable

    # A pipe has no width: nothing is folded there, so that `zoo list | grep` works.
    stream = sys.stderr if to_stderr else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 400)
    table = RichTable(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(printable, row))
    console.print(table)
