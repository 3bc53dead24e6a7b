"""Which columns of shards the roles are read from, and what a look through a shard finds."""

import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.audio import Stretch, seconds_of
from zoo.data.objects import Objects
from zoo.data.reading.marked import names_in
from zoo.data.rows import CorruptExample, Row
from zoo.data.sources.opened import Wanted
from zoo.data.sources.shards.store import OpenShard
from zoo.data.sources.values import Odd
from zoo.recipe.vocabulary.roles import ROLES, role_of_classes


@dataclass(frozen=True)
class Columns:
    """Where each role is read from: the first of its columns that a row has, or all of several that
    the recipe names.
    """

    of: Mapping[str, tuple[str, ...]]
    together: frozenset[str]
    classes: tuple[str, ...] | None
    """The class names that ids stand for, where they are known."""
    wanted: Wanted

    def value(self, role: str, raw: Mapping[str, Any]) -> Any:
        """What a role reads of raw values by column, None where there is none; raises Odd."""
        found: Any = {name: raw.get(name) for name in self.of[role]}
        if role not in self.together:
            found = next((value for value in found.values() if value is not None), None)
        if self.classes and isinstance(found, bytes) and found.isdigit():
            found = int(found)  # a .cls holds an id
        return self.wanted.reading(role, self.classes)(found)


def looked(columns: Columns, opened: OpenShard) -> tuple[list[Any], np.ndarray | None]:
    """(every class that the rows name once, their lengths if they have one); see Rows.lengths.

    A row that cannot be read names none, and is of no length (NaN) if it is a clip.
    """
    role, lengths = role_of_classes(columns.of), _Lengths(columns.of)
    asked = [*lengths.roles, *([role] if role and columns.wanted.classes else [])]
    names = dict.fromkeys(name for one in asked for name in columns.of[one])
    values: set[Any] = set()
    for place in range(len(opened) if asked else 0):
        try:
            raw = opened.raw(place, names)
            row = {one: columns.value(one, raw) for one in asked}
        except (Odd, ValueError):
            row = {}
        lengths.add(row)
        value = row.get(role or "")
        if value is not None:
            values |= names_in(value.classes if isinstance(value, Objects) else value)
    return sorted(values, key=str), lengths.all()


class _Lengths:
    """Gathers what Rows.lengths says of rows that have these roles."""

    def __init__(self, roles: Collection[str]) -> None:
        measured = [role for role in roles if ROLES[role].measured]
        self.roles = ["audio"] if "audio" in roles else measured
        self.found: list[float] = []

    def add(self, row: Row) -> None:
        if self.roles == ["audio"]:
            clip = row.get("audio")
            with suppress(CorruptExample):
                self.found.append(
                    seconds_of(clip) if isinstance(clip, bytes | Stretch) else math.nan
                )
                return
            self.found.append(math.nan)
        else:
            self.found.append(float(sum(len(row.get(role) or "") for role in self.roles)))

    def all(self) -> np.ndarray | None:
        return np.array(self.found) if self.roles else None
