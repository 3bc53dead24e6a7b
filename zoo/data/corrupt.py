"""How many unreadable examples a run puts up with, and what it says when there are more."""

import math
from collections.abc import Iterable

import numpy as np

from zoo.data.rows import Batch, CorruptExample, Rows, spread
from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

NAMED = 20
"""Files that are named in a message."""
_LOOKED = 8  # rows that tell whether what is in files can be read at all


def placed(rows: Rows, index: int, error: CorruptExample) -> str:
    """What is wrong with a row, behind where it lies: who makes an example of it knows no place."""
    said, name = str(error), rows.name(index)
    named = said.startswith(name) and said[len(name) :][:1] in ("", " ", ":")
    return said if named else f"{name}: {said}"


class CorruptLimit:
    """Counts the different corrupt rows of one set and ends the run when there are too many.

    `limit` is a number of rows (int) or a share of `count` rows (float). A process that is `alone`
    decides for itself and raises. Else others would wait for it: what it met stays in the batches,
    for all ranks to decide on (zoo.training.disk.unread).
    """

    def __init__(
        self, limit: int | float = 0, count: int = 0, file: str = "recipe", alone: bool = True
    ) -> None:
        self.allowed = limit if isinstance(limit, int) else math.floor(limit * count)
        self.file, self.alone = file, alone
        self.found: dict[int, str] = {}

    @classmethod
    def of(cls, recipe: Recipe, rows: Rows, alone: bool = True) -> "CorruptLimit":
        """The limit that `data.max_corrupt` sets for these rows."""
        file = origin(recipe, "data.max_corrupt")
        return cls(recipe.data.max_corrupt, len(rows), file, alone)

    @property
    def exceeded(self) -> bool:
        """Whether more rows are corrupt than may be."""
        return len(self.found) > self.allowed

    def take(self, batch: Batch) -> None:
        """Notes what a batch of a process alone met; raises ConfigError beyond the limit, or where
        no row could stand in.
        """
        if self.alone:
            self.add(batch.pop("failures"))
            if "inputs" not in batch:
                raise self.error()

    def add(self, failures: Iterable[tuple[int, str]]) -> None:
        """Notes (row index, message) of corrupt rows; raises ConfigError beyond the limit."""
        self.found.update(failures)
        if self.exceeded:
            raise self.error()

    def error(self) -> ConfigError:
        """The fault that names the files."""
        names = sorted(name for name in self.found.values() if name)
        before = len(self.found) - len(names)
        hidden = max(len(names) - NAMED, 0)
        found = f"{len(self.found)} corrupt examples: {'; '.join(names[:NAMED])}"
        if hidden:
            found += f" and {hidden} more"
        if before:
            found += f" and {before} found before"
        key, allowed = "data.max_corrupt", f"{self.allowed} at most"
        return ConfigError([Fault(self.file, key, found, allowed, f"{key}={len(self.found)}")])


def none_readable(rows: Rows) -> str:
    """Why nothing can be made of files that hold images, clips or whole texts, as the first of a
    few says it; nothing where one can be read.
    """
    if rows.roles != {"text"} and not any(ROLES[role].how in MEDIA for role in rows.roles):
        return ""
    found = ""
    for place in spread(rows, _LOOKED).tolist():
        try:
            _look(rows, place)
            return ""
        except CorruptExample as error:
            found = found or f"{error}, and so in every example that was looked at"
    return found


def _look(rows: Rows, place: int) -> None:
    """Reads an example as far as is needed to know that it can be; raises CorruptExample."""
    if rows.roles == {"text"}:  # a file may be larger than memory
        if not any(piece for piece, _ in zip(rows.pieces(place), range(1), strict=False)):
            raise CorruptExample("a text without a character")
        return
    image = rows[place].get("image")
    if image is not None:  # decoded when it is asked for
        np.asarray(image)
