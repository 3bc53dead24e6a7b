"""How faults are told: three lines each on a terminal, where, what and try; one in a pipe."""

import os
import sys
import textwrap
from collections.abc import Mapping

from zoo.cli.leaving import finder, spoken
from zoo.errors import ConfigError, Fault, Told, printable


def tell(error: Told, environment: Mapping[str, str] = os.environ) -> None:
    """Says an error on stderr."""
    if not sys.stderr.isatty():
        print(spoken(error, environment), file=sys.stderr)
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not isinstance(error, ConfigError):
        console.print(f"error: {spoken(error, environment)}", style="bold red")
        return
    for fault in error.faults:
        where, *rest = in_lines(fault, console.width)
        console.print(f"{finder(error, environment)}{where}", style="bold red")
        for line in rest:
            console.print(line)


def in_lines(fault: Fault, width: int) -> list[str]:
    """Where, what, and what may be tried instead; folded between words, so that what is copied
    stands in one piece.
    """
    found = printable(f"found {fault.found}; allowed: {fault.allowed}")
    folded = textwrap.wrap(
        found,
        width,
        break_long_words=False,
        break_on_hyphens=False,
        initial_indent="  ",
        subsequent_indent="  ",
    )
    where = printable(f"error: {fault.file}: {fault.key}")
    return [where, *folded, *([f"  try: {printable(fault.nearest)}"] if fault.nearest else [])]
