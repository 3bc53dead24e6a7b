"""What is wrong with a data section, gathered while it is opened and said all at once."""

import difflib
from collections.abc import Iterable

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin

_SHOWN = 20  # choices listed in a message


class Faults:
    """The faults of one recipe's data section; empty when all is well.

    `at` is the key that the section stands at.
    """

    def __init__(self, recipe: Recipe, at: str = "data") -> None:
        self.recipe, self.at = recipe, at
        self.found: list[Fault] = []

    def of(self, at: str) -> "Faults":
        """The faults of a section that is part of this one; they are among these as well."""
        inner = Faults(self.recipe, at)
        inner.found = self.found
        return inner

    def add(
        self, key: str, found: str, allowed: str, choices: Iterable[str] = (), meant: str = ""
    ) -> None:
        """Notes one fault of a key of the section; `choices` are listed, and the spelling is named
        that is nearest to `meant`, or else to what was found.
        """
        listed = list(choices)
        nearest = next(iter(difflib.get_close_matches(meant or found, listed, 1)), "")
        if listed:
            more = ", ..." if len(listed) > _SHOWN else ""
            allowed = f"{allowed} {', '.join(listed[:_SHOWN])}{more}".strip()
        key = f"{self.at}.{key}"
        fault = Fault(origin(self.recipe, key), key, found, allowed, nearest)
        if fault not in self.found:
            self.found.append(fault)

    def end(self) -> None:
        """Raises a ConfigError with all faults, if there are any."""
        if self.found:
            raise ConfigError(self.found)
