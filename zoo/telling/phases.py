"""What a verb is at, on a terminal: a line as each long part begins, the first within a second."""

import os
import sys


def phase(what: str) -> None:
    """Says on stderr what takes a while from now on; rank 0 on a terminal, nothing elsewhere."""
    if sys.stderr.isatty() and os.environ.get("RANK", "0") == "0":
        dim, plain = ("", "") if os.environ.get("NO_COLOR") else ("\033[2m", "\033[0m")
        print(f"{dim}{what} ...{plain}", file=sys.stderr, flush=True)
