"""How many unreadable examples a run puts up with, and what it says when there are more."""

import math
from collections.abc import Iterable

from zoo.data.rows import Rows
from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin

_NAMED = 20  # files named in the message


class CorruptLimit:
    """Counts the different corrupt rows of one set and ends the run when there are too many.

    `limit` is a number of rows (int) or a share of `count` rows (float).
    """

    def __init__(self, limit: int | float = 0, count: int = 0, file: str = "recipe") -> None:
        self.allowed = limit if isinstance(limit, int) else math.floor(limit * count)
        self.file = file
        self.found: dict[int, str] = {}

    @classmethod
    def of(cls, recipe: Recipe, rows: Rows) -> "CorruptLimit":
        """The limit that `data.max_corrupt` sets for these rows."""
        return cls(recipe.data.max_corrupt, len(rows), origin(recipe, "data.max_corrupt"))

    def add(self, failures: Iterable[tuple[int, str]]) -> None:
        """Notes (row index, message) of corrupt rows; raises ConfigError beyond the limit."""
        self.found.update(failures)
        if len(self.found) > self.allowed:
            raise self.error()

    def error(self) -> ConfigError:
        """The fault that names the files."""
        names = sorted(self.found.values())
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        found = f"{len(names)} corrupt examples: {'; '.join(names[:_NAMED])}{more}"
        return ConfigError([Fault(self.file, "data.max_corrupt", found, f"{self.allowed} at most")])
