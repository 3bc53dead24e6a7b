"""What of a recipe is not as its file says: key by key, what stood there and who changed it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError
from zoo.recipe.checks.judge import judged
from zoo.recipe.compose.words import Asked, compose
from zoo.recipe.key_table import meanings
from zoo.recipe.meaning import value
from zoo.recipe.provenance import Key
from zoo.recipe.recipe import Recipe, expanded
from zoo.recipe.spec.sections import FOLDERS

NOT_RECIPES = (("$schema",), ("description",), ("run", "folder"))
"""Keys that make no other run."""


@dataclass(frozen=True)
class Change:
    """A value of the file that is another in a recipe: None where one of them is not set."""

    was: Any
    now: Any
    by: str
    """The word or file that says the new value, or why the old one fell away."""


def changes_of(recipe: Recipe) -> dict[str, Change]:
    """By dotted key what words of the command line and the twin made other than its file says;
    nothing where the file cannot be read again.
    """
    file = recipe.provenance.file
    if not file:
        return {}
    try:
        composed = compose(Asked(file))
        base = judged(composed).recipe
    except ConfigError:
        return {}
    return _differ(composed.composition.data if base is None else expanded(base), recipe)


def differing(other: Recipe, recipe: Recipe) -> dict[str, Change]:
    """By dotted key what a recipe has other than another one, and whose word that is."""
    return _differ(expanded(other), recipe)


def _differ(other: dict[str, Any], recipe: Recipe) -> dict[str, Change]:
    before, after = leaves(other), leaves(expanded(recipe))
    # A value that is an object now, or was one, goes first: pasted after it, its end would undo it.
    gone = [key for key in before if key not in after]
    turned = [key for key in gone if any(_nested(key, one) for one in after)]
    keys = [key for key in dict.fromkeys([*turned, *after, *before]) if key not in NOT_RECIPES]
    return {
        ".".join(key): Change(before.get(key), after.get(key), _by(recipe, key, key in after))
        for key in keys
        if before.get(key) != after.get(key)
    }


def _nested(one: Key, other: Key) -> bool:
    """Whether one of two keys lies in the other."""
    return one[: len(other)] == other[: len(one)]


def over_bases(recipe: Recipe) -> dict[str, Change]:
    """By dotted key what a recipe says other than the files that its sections name as their base;
    where those say nothing, other than the default.
    """
    content, told = expanded(recipe), recipe.provenance
    found = {}
    for key, now in leaves(content).items():
        origin = told.origins.get(key)
        if key in NOT_RECIPES or origin is None or _is_base(origin):
            continue
        bases = [one.value for one in told.before.get(key, ()) if _is_base(one.origin)]
        default = next((one.default for one in meanings(key, content)), None)
        found[key] = Change(bases[-1] if bases else default, now, origin)
    for drop in told.drops:
        for key, was in leaves(drop.value, drop.key).items() if _is_base(drop.origin) else ():
            found.setdefault(key, Change(was, value(content, key), drop.because))
    return {".".join(key): one for key, one in found.items() if one.was != one.now}


def _is_base(origin: str) -> bool:
    """Whether a value is from a file that fills a section; those of recipes and twins do not."""
    return origin.endswith(".json") and Path(origin).parent.name in FOLDERS


def leaves(value: Any, path: Key = ()) -> dict[Key, Any]:
    """The values of an object by their paths; an object that holds nothing is none."""
    if not isinstance(value, dict):
        return {path: value}
    parts = [leaves(part, (*path, name)) for name, part in value.items()]
    return {key: one for part in parts for key, one in part.items()}


def _by(recipe: Recipe, key: Key, there: bool) -> str:
    """Who changed a value that is there, or why it is not."""
    origins, drops = recipe.provenance.origins, reversed(recipe.provenance.drops)
    if there and key in origins:
        return origins[key]
    because = (one.because for one in drops if one.key == key[: len(one.key)])
    return next(because, "it follows from the others")
