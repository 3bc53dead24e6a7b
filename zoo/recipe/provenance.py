"""Where each value of a recipe came from, and how a key is written."""

from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, ...]
"""The names from the outside in; a name may hold dots."""


@dataclass(frozen=True)
class Drop:
    """A value that fell away because a discriminator changed."""

    key: Key
    value: Any
    origin: str
    because: str


@dataclass(frozen=True)
class Made:
    """Of which recipe, and how changed, a recipe is: what is published of that is not of this."""

    recipe: str = "recipe"
    """The file's stem, or of a run's own recipe the folder's name."""
    twin: bool = False
    words: tuple[str, ...] = ()
    """The changes of the command line, left to right."""
    of_run: bool = False
    """Whether the file is a run's own, which tells for itself what it was made from."""


@dataclass(frozen=True)
class Provenance:
    """Where each value of a recipe came from; two provenances always count as equal."""

    name: str = field(default="recipe", compare=False)
    made: Made = field(default=Made(), compare=False)
    origins: dict[Key, str] = field(default_factory=dict, compare=False)
    drops: tuple[Drop, ...] = field(default=(), compare=False)
    fragments: dict[str, str] = field(default_factory=dict, compare=False)


def split_key(key: str) -> Key:
    """The names in a dotted key; a pattern of `optimizer.groups` keeps its dots."""
    start = "optimizer.groups."
    if key.startswith(start):
        pattern, _, last = key.removeprefix(start).rpartition(".")
        return ("optimizer", "groups", pattern, last) if pattern else ("optimizer", "groups", last)
    return tuple(key.split("."))
