"""What is wrong with a data section, gathered while it is opened and said all at once."""

import difflib
from collections.abc import Iterable

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin

_SHOWN = 20  # choices listed in a message


class Faults:
    """The faults of one recipe's data section; empty when all is well."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.found: list[Fault] = []

    def add(
        self, key: str, found: str, allowed: str, choices: Iterable[str] = (), meant: str = ""
    ) -> None:
        """Notes one fault of `data.<key>`; `choices` are listed, the nearest spelling is named.

        Nearest to `meant`, or else to what was found.
        """
        listed = list(choices)
        nearest = next(iter(difflib.get_close_matches(meant or found, listed, 1)), "")
        if listed:
            more = ", ..." if len(listed) > _SHOWN else ""
            allowed = f"{allowed} {', '.join(listed[:_SHOWN])}{more}".strip()
        key = f"data.{key}"
        fault = Fault(origin(self.recipe, key), key, found, allowed, nearest)
        if fault not in self.found:
            self.found.append(fault)

    def end(self) -> None:
        """Raises a ConfigError with all faults, if there are any."""
        if self.found:
            raise ConfigError(self.found)
