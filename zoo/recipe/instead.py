"""What may be typed in the place of a value that turned out wrong when files were opened."""

import shlex
from typing import Any

from zoo.recipe.checks.alike import said_by_others
from zoo.recipe.checks.ways_out import word_of
from zoo.recipe.compose.merge import UNSET
from zoo.recipe.provenance import Key, located, split_key
from zoo.recipe.recipe import Recipe, expanded
from zoo.recipe.vocabulary.kinds import KINDS


def instead(recipe: Recipe, key: str, meant: Any, found: Any = None) -> str:
    """The word that says `meant` at a key, quoted for a shell; of a list `found` alone is replaced
    where it holds that.
    """
    path, stands = _standing(recipe, key)
    if isinstance(stands, list) and isinstance(meant, str):
        meant = [meant if one == found else one for one in stands] if found in stands else [meant]
    return shlex.join((word_of(path, meant),))


def renamed(recipe: Recipe, key: str, name: str) -> str:
    """The words that give what a key holds to one of another name beside it."""
    path, stands = _standing(recipe, key)
    return shlex.join((word_of(path, UNSET), word_of((*path[:-1], name), stands)))


def left_out(recipe: Recipe, key: str) -> str:
    """The word that takes a key away."""
    return shlex.join((word_of(_standing(recipe, key)[0], UNSET),))


def built_in_data(recipe: Recipe) -> str:
    """The word for data that the package makes itself: it serves until a user's own can be read."""
    (name, *_) = KINDS[recipe.task.kind].built_in
    data = {"source": "built-in", "name": name}
    return shlex.join((word_of(("data",), data),))


def as_others_say(recipe: Recipe, key: str) -> str:
    """The word for what the most alike recipe of the catalog says at a key, or nothing."""
    path, content = split_key(key), expanded(recipe)
    said = next(said_by_others(content, path), None)
    return "" if said is None else shlex.join((word_of(path, said),))


def _standing(recipe: Recipe, key: str) -> tuple[Key, Any]:
    """The path of a key, and what stands there."""
    content: Any = expanded(recipe)
    path = located(content, key) or split_key(key)
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return path, content
