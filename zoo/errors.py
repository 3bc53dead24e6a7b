"""What a user may see: every fault of a recipe, a launcher or a folder, said in one line each."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_INSTEAD = re.compile(r"zoo |echo |line \d+: |'data=\{\"source\": \"built-in\"")
"""How what is proposed begins that is no word in the place of another."""


@dataclass(frozen=True)
class Fault:
    """One wrong thing: where it stands, what was found, what is allowed, what was meant.

    `nearest` is what may be pasted in its place: words of the command line, quoted as a shell
    wants them, or a name; else a command that begins with `zoo`, or a line of the file as it
    should be, `line 6: "run": {`.
    """

    file: str
    key: str
    found: str
    allowed: str
    nearest: str = ""

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        if _INSTEAD.match(self.nearest):
            hint = f"; try {self.nearest}"
        found = f"{self.file}: {self.key}: found {self.found}; allowed: {self.allowed}{hint}"
        return printable(found)


def printable(line: str) -> str:
    """A line for a terminal: what would steer it, or does not show, stands there escaped."""
    if line.isprintable():
        return line
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in line
    )


class Told(Exception):
    """What is told to the user in its own words, without a traceback, and the exit code with it."""

    code = 2
    everywhere = False
    """Whether all ranks are known to have it, so that one of them tells it."""


class ConfigError(Told):
    """All faults of one ring of checks; the command line prints them and exits with 2."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[Fault, ...]]]:
        """What pickle makes it of again: ranks tell each other their faults."""
        return type(self), (self.faults,)


@contextmanager
def collected(faults: list[Fault]) -> Iterator[None]:
    """Adds a ConfigError's faults to the list, each once; what does not depend on it goes on."""
    try:
        yield
    except ConfigError as error:
        faults += [fault for fault in error.faults if fault not in faults]


def near(word: str, allowed: Iterable[str]) -> str:
    """The nearest allowed spelling whatever its case and dashes, or an empty string."""
    folded = {_folded(name): name for name in reversed(list(allowed))}
    found = difflib.get_close_matches(_folded(word), folded, 1, 0.6)
    return folded[found[0]] if found else ""


def _folded(name: str) -> str:
    return name.casefold().replace("_", "-")


class ResumeError(Told):
    """A run's folder that cannot be resumed as asked; exit code 2."""

    def __str__(self) -> str:
        return "\n".join(printable(line) for line in super().__str__().split("\n"))


class DiskError(Told):
    """What a disk refused while a run was under way (full, read-only, gone); exit code 1."""

    code = 1


class DataError(Told):
    """Data that a rank could not read on while a run was under way; all ranks leave; exit code 1.

    Corrupt rows beyond `data.max_corrupt` are a ConfigError.
    """

    code = 1
