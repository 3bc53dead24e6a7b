"""What the guides say that can be run or looked for: their blocks, links and names of files.

A fence's first word is its language, the second what becomes of it: `sh run` runs in `make test`,
`sh slow` in the slow tests, `sh elsewhere` needs a cluster, a hub or the checkout and is only read;
of any other language the second word is the name of a file that the reader is told to write.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDES = (
    "README.md",
    "configs/README.md",
    "configs/KEYS.md",
    "launchers/README.md",
    "tests/benchmarks/README.md",
    "zoo/README.md",
)
MARKS = ("run", "slow", "elsewhere")
FENCE = re.compile(r"^```(\S*)[ ]*(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block of a guide."""

    guide: str
    line: int
    language: str
    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """The words of each command, comments left out."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def text_of(guide: str) -> str:
    """The guide as it lies in the checkout."""
    return (ROOT / guide).read_text(encoding="utf-8")


def blocks(guide: str) -> list[Block]:
    """Its fenced blocks in order."""
    text = text_of(guide)
    return [
        Block(guide, text[: found.start()].count("\n") + 1, *found.groups())
        for found in FENCE.finditer(text)
    ]


def prose(guide: str) -> str:
    """What stands outside of its blocks."""
    return FENCE.sub("", text_of(guide))
