"""What `zoo explain` says: what a key means and may hold; in a recipe its value, and from where."""

import json
from collections.abc import Sequence
from typing import Any

from zoo.errors import ConfigError, Fault, printable
from zoo.recipe import Recipe, expanded
from zoo.recipe.checks.keys import unknown
from zoo.recipe.derived.resume import on_resume
from zoo.recipe.key_table import keys_below, keys_of, kinds, meanings, near_key
from zoo.recipe.meaning import ANY, Choice, Meaning, value
from zoo.recipe.provenance import Key, located, split_key
from zoo.recipe.recipe import origin_of
from zoo.recipe.spec.sections import SECTIONS, keys_of_files
from zoo.telling.page import Page, Table

ANY_RECIPE = ("key", "default", "meaning", "unit", "on resume", "with")
ONE_RECIPE = ("key", "value", "from", "on resume", "meaning")
"""The heads of a table of keys."""
WHOLE, FOLDED = ("key", "value"), ("meaning",)
"""The heads of what is copied, and of what is folded between words."""
DEFAULT = "default"
BELOW = "below"
LONGEST = 24
"""Characters of a value in a table; a longer one stands whole below it."""


def is_key(word: str) -> bool:
    """Whether a word names a key, and no recipe: its first name is a section, and it is no path."""
    first = word.split(".")[0]
    return first in (*SECTIONS, "description", "$schema") and not (
        "/" in word or word.endswith(".json")
    )


def keys_named(begin: str) -> list[str]:
    """The keys that begin so, for a shell's completion: down to one more name than was typed."""
    depth = begin.count(".") + 1
    keys = dict.fromkeys(one.key for one in keys_below(()) if one.key.startswith(begin))
    return [key for key in keys if key.count(".") < depth]


def explained(recipe: Recipe | None, key: str) -> Page:
    """What a key means to every kind that has it, or in one recipe; of an object all its keys.

    Raises ConfigError where there is no such key, with the nearest.
    """
    content = expanded(recipe) if recipe else {}
    path = located(content, key) or split_key(key)
    found = meanings(path, content or None)
    if not found and (value(content, path) is not None or path[-1] in keys_of_files(path[:-1])):
        found = meanings(path)
    if not found:
        raise ConfigError([_no_key(recipe, content, path)])
    below = keys_below(path, content or None)
    tables = [facts(one, content or None) for one in found]
    if words := kinds(path):
        rows = [[name, meaning] for name, meaning in words.items()]
        tables.append((["value", "meaning"], rows))
    above, lines = [], []
    if recipe is None:
        tables += [_of_any(below)] if below else []
        long = [one for one in below if not one.holds_keys and _short(_default(one)) == BELOW]
        lines = [f"{one.key} is {_default(one)} by default" for one in long]
    else:
        above = standing(recipe, content, path) if not below else []
        tables += [_of_one(recipe, content, below)] if below else []
        lines = _under(recipe, content, path, below) + dropped(recipe, path)
    object_ = as_object(recipe, content, path, found, below)
    return Page(tables, [printable(line) for line in lines], object_, above, WHOLE, FOLDED)


def facts(one: Meaning, content: dict[str, Any] | None) -> Table:
    """The rows of one key: what it means, may hold and does."""
    own = value(content, one.path) if content else None
    rows = {
        "key": one.key,
        "with": choices(one.of),
        "meaning": one.doc,
        "type": one.type,
        "allowed": one.allowed,
        "unit": one.units,
        "default": default(one),
        "on resume": on_resume(one.path, content, own),
    }
    return ["", ""], [[name, text] for name, text in rows.items() if text]


def choices(of: Sequence[Choice]) -> str:
    """The values of other keys with which a key is there."""
    return "; ".join(f"{one.word} {', '.join(one.names)}" for one in of)


def default(one: Meaning) -> str:
    """What a key is that nobody says."""
    if one.default is not None:
        return json.dumps(one.default)
    return "none: it has to be said" if one.required else "absent"


def _of_any(below: list[Meaning]) -> Table:
    """The keys below one, whatever the recipe."""
    rows = []
    for one in below:
        said = "required" if one.required else _short("" if one.holds_keys else _default(one))
        does = on_resume(one.path).split(":")[0]
        rows.append([one.key, said, one.doc, one.units, does, choices(one.of)])
    return list(ANY_RECIPE), rows


def _default(one: Meaning) -> str:
    return "" if one.default is None else json.dumps(one.default)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else BELOW


def _of_one(recipe: Recipe, content: dict[str, Any], below: list[Meaning]) -> Table:
    """The keys below one with what a recipe has there, and a number for where that is from."""
    numbers = sources(recipe, content, below)
    rows = []
    for one in below:
        found = _leaf(content, one)
        shown = "" if found is None else _short(json.dumps(found))
        origin = recipe.provenance.origins.get(one.path, DEFAULT)
        number = "" if not shown else str(numbers.get(origin, DEFAULT))
        does = on_resume(one.path, content, found).split(":")[0]
        rows.append([one.key, shown, number, does, one.doc])
    return list(ONE_RECIPE), rows


def _leaf(content: dict[str, Any], one: Meaning) -> Any:
    """What a recipe has at a key; None: nothing, or an object whose keys have rows of their own."""
    found = value(content, one.path)
    return None if isinstance(found, dict) and one.holds_keys else found


def sources(recipe: Recipe, content: dict[str, Any], below: list[Meaning]) -> dict[str, int]:
    """The files and words that values are from, numbered."""
    origins = recipe.provenance.origins
    said = [one.path for one in below if _leaf(content, one) is not None]
    named = dict.fromkeys(origins[path] for path in said if path in origins)
    return {origin: number for number, origin in enumerate(named, 1)}


def _under(recipe: Recipe, content: dict[str, Any], path: Key, below: list[Meaning]) -> list[str]:
    """What stands below a table: its sources, values that are long, and what others had said."""
    lines = [f"{number}  {name}" for name, number in sources(recipe, content, below).items()]
    for one in below:
        text = json.dumps(_leaf(content, one))
        if _short(text) == BELOW:
            lines.append(f"{one.key} = {text}")
    if below:
        for key, several in recipe.provenance.before.items():
            if key[: len(path)] == path:
                lines += [
                    f"{'.'.join(key)} was {json.dumps(one.value)} of {one.origin}"
                    for one in reversed(several)
                    if one.value != value(content, key)
                ]
    return lines


def standing(recipe: Recipe, content: dict[str, Any], path: Key) -> list[str]:
    """What a recipe has at a key, who said so, and what others had said, the last one first."""
    key, found, told = ".".join(path), value(content, path), recipe.provenance
    origin = told.origins.get(path, f"the {DEFAULT}")
    if found is None and path[1:] == ("base",):
        found, origin = told.fragments.get(path[0]), origin_of(recipe, path[:1])
    around = value(content, path[:-1])
    if found is None and not (isinstance(around, dict) and path[-1] in around):
        lines = [f"{key} is not set"]
    else:
        lines = [f"{key} = {json.dumps(found)}", f"  from {origin}"]
    for one in reversed(told.before.get(path, ())):
        lines.append(f"  over {json.dumps(one.value)} of {one.origin}")
    return [printable(line) for line in lines]


def dropped(recipe: Recipe, path: Key) -> list[str]:
    """What fell away at, below or around a key, and why."""
    lines = []
    for drop in recipe.provenance.drops:
        if drop.key[: len(path)] == path or path[: len(drop.key)] == drop.key:
            lines.append(f"dropped: {'.'.join(drop.key)} = {json.dumps(drop.value)}")
            lines.append(f"  from {drop.origin}, because {drop.because}")
    return lines


def _no_key(recipe: Recipe | None, content: dict[str, Any], path: Key) -> Fault:
    """The fault of a key that there is not: what there is, and what was probably meant."""
    wrong = next(n for n in range(1, len(path) + 1) if not meanings(path[:n], content or None))
    names = [one.path[-1] for one in keys_of(path[: wrong - 1], content or None)]
    allowed = list(dict.fromkeys(name for name in names if name != ANY))
    key = ".".join(path)
    where = origin_of(recipe, path[: wrong - 1]) if recipe else "command line"
    others = meanings(path) if recipe else []
    if others:
        found = f"a key that goes with {choices(others[0].of)}"
        return Fault(where, key, found, ", ".join(allowed), f"zoo explain {key}")
    fault = unknown(where, path[:wrong], allowed)
    ruling = fault.nearest.split(" and ")[0] if "." in fault.nearest else ""
    nearest = ruling or near_key(path, content or None) or "zoo explain --help"
    return Fault(where, key, fault.found, fault.allowed, nearest)


def as_object(
    recipe: Recipe | None,
    content: dict[str, Any],
    path: Key,
    found: list[Meaning],
    below: list[Meaning],
) -> dict[str, Any]:
    """All of it for programs."""
    said: dict[str, Any] = {"key": ".".join(path), "meanings": [_told(one) for one in found]}
    if recipe is not None:
        said |= _of_recipe(recipe, content, path)
    said["keys"] = [
        _told(one) | (_of_recipe(recipe, content, one.path) if recipe else {}) for one in below
    ]
    return said


def _told(one: Meaning) -> dict[str, Any]:
    """A key as it is anywhere."""
    return {
        "key": one.key,
        "with": {choice.word: list(choice.names) for choice in one.of},
        "meaning": one.doc,
        "type": one.type,
        "allowed": one.allowed,
        "unit": one.units or None,
        "default": one.default,
        "required": one.required,
        "on_resume": on_resume(one.path),
    }


def _of_recipe(recipe: Recipe, content: dict[str, Any], path: Key) -> dict[str, Any]:
    """What a recipe has at a key."""
    found, told = value(content, path), recipe.provenance
    return {
        "value": found,
        "from": told.origins.get(path, DEFAULT) if found is not None else None,
        "before": [{"value": one.value, "from": one.origin} for one in told.before.get(path, ())],
        "on_resume": on_resume(path, content, found),
    }
