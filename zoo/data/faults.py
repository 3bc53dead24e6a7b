"""What is wrong with a data section, gathered while it is opened and said all at once."""

import difflib
from collections.abc import Iterable

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin
from zoo.recipe.instead import instead

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
        self, key: str, found: str, allowed: str, choices: Iterable[str] = (), meant: str = "",
        way: str = "",
    ) -> None:  # fmt: skip
        """Notes one fault of a key of the section; `choices` are listed, and the one proposed that
        is nearest to `meant`, or else to what was found. `way` is what is proposed in its place.
        """
        listed = list(choices)
        close = next(iter(difflib.get_close_matches(meant or found, listed, 1)), "")
        if listed:
            more = ", ..." if len(listed) > _SHOWN else ""
            allowed = f"{allowed} {', '.join(listed[:_SHOWN])}{more}".strip()
        key = f"{self.at}.{key}"
        if close and not way:
            way = instead(self.recipe, key, close, found)
        fault = Fault(origin(self.recipe, key), key, found, allowed, way)
        if fault not in self.found:
            self.found.append(fault)

    def end(self) -> None:
        """Raises a ConfigError with all faults, if there are any."""
        if self.found:
            raise ConfigError(self.found)
