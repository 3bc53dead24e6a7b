"""Where each value of a recipe came from, and how a key is written."""

from dataclasses import dataclass, field
from typing import Any

from zoo.recipe.vocabulary.optimizers import OPTIMIZERS

Key = tuple[str, ...]
"""The names from the outside in; a name may hold dots."""

GROUPS = ("optimizer", "groups")
"""Where names are patterns, which hold dots."""

TYPED = "command line: "
"""How the origin of a value begins that was typed."""


@dataclass(frozen=True)
class Drop:
    """A value that fell away: a discriminator changed, or somebody unset it."""

    key: Key
    value: Any
    origin: str
    because: str
    wanted: bool = False
    """Somebody said so, and it was no side effect."""


@dataclass(frozen=True)
class Before:
    """A value that another one was laid over, and who had said it."""

    value: Any
    origin: str


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
    before: dict[Key, tuple[Before, ...]] = field(default_factory=dict, compare=False)
    """What stood at a key, the oldest first."""
    file: str = field(default="", compare=False)
    """Where the recipe was read from, as it was asked for."""


def split_key(key: str, ends_in_parameter: bool | None = None) -> Key:
    """The names in a dotted key; a pattern of `optimizer.groups` keeps its dots.

    `ends_in_parameter` says whether the last name below it is a parameter of the pattern before
    it; if nobody knows, it is one where some optimizer has such a parameter.
    """
    start = f"{'.'.join(GROUPS)}."
    if not key.startswith(start):
        return tuple(key.split("."))
    rest = key.removeprefix(start)
    pattern, _, last = rest.rpartition(".")
    if ends_in_parameter is None:
        ends_in_parameter = any(
            last in one.parameters and one.parameters[last].per_group for one in OPTIMIZERS.values()
        )
    return (*GROUPS, pattern, last) if pattern and ends_in_parameter else (*GROUPS, rest)


def located(content: Any, key: str) -> Key | None:
    """The path of a dotted key that stands in an object, whose names may hold dots."""
    if not isinstance(content, dict):
        return None
    for name, part in content.items():
        if key == name:
            return (name,)
        rest = located(part, key[len(name) + 1 :]) if key.startswith(f"{name}.") else None
        if rest is not None:
            return (name, *rest)
    return None
