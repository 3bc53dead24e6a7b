"""What may be asked about the keys of recipes: what one means, which there are below another."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from zoo.errors import near
from zoo.recipe.checks.known import recipe_schema
from zoo.recipe.meaning import ANY, CONFIG, TYPES, Choice, Meaning, keys_inside, objects, value
from zoo.recipe.provenance import Key
from zoo.recipe.vocabulary.parameters import Node

OPEN = (CONFIG, ("model", "processor"), ("model", "tiny"), ("parallel", "zero"))
"""Maps of many keys that others named: a table of a section shows those that a recipe has."""


def meanings(path: Key, recipe: dict[str, Any] | None = None) -> list[Meaning]:
    """What a key means: in an expanded recipe, or for each kind that has it; none: no such key."""
    found, said = [_root()], _without(recipe or {}, path)
    for name in path:
        inside = [one for outer in found for one in keys_inside(outer, said)]
        named = [one for one in inside if one.path[-1] == name]
        free = [one for one in inside if one.path[-1] == ANY]
        found = named or [replace(one, path=(*one.path[:-1], name)) for one in free]
    return _merged(found)


def keys_of(path: Key, recipe: dict[str, Any] | None = None) -> list[Meaning]:
    """The keys right below one, as `meanings` has them."""
    return _merged(
        one for outer in meanings(path, recipe) for one in keys_inside(outer, recipe or {})
    )


def keys_below(path: Key, recipe: dict[str, Any] | None = None) -> list[Meaning]:
    """The keys at any depth below one, each before those in it.

    The maps of `OPEN` and those of columns are shown with what the recipe has there, if they are
    not what is asked for.
    """
    return list(_below(meanings(path, recipe), recipe or {}))


def _below(outers: list[Meaning], recipe: dict[str, Any]) -> Iterator[Meaning]:
    """The keys below one key, whatever the kinds that have it."""
    inside: dict[Key, list[Meaning]] = {}
    for one in (one for outer in outers for one in keys_inside(outer, recipe)):
        inside.setdefault(one.path, []).append(one)
    for path, several in inside.items():
        if recipe and path[-1] == ANY:
            yield from _named(several, recipe)
            continue
        yield from _merged(several)
        if path in OPEN or path[-1] == "columns":
            names = value(recipe, path) or {}
            yield from (one for name in names for one in meanings((*path, name), recipe))
        else:
            yield from _below([one for one in several if one.holds_keys], recipe)


def _named(several: list[Meaning], recipe: dict[str, Any]) -> Iterator[Meaning]:
    """The entries that a recipe has in a map of names that its user gives, and the keys in them."""
    entries = value(recipe, several[0].path[:-1])
    for name in entries if isinstance(entries, dict) else ():
        named = [replace(one, path=(*one.path[:-1], name)) for one in several]
        yield from _merged(named)
        yield from _below([one for one in named if one.holds_keys], recipe)


def near_key(path: Key, recipe: dict[str, Any] | None = None) -> str:
    """The key that was probably meant by one that there is not; empty: none is near."""
    right: Key = ()
    for name in path:
        known = [one.path[-1] for one in keys_of(right, recipe)]
        right = (*right, name if name in known or ANY in known else near(name, known))
    if all(right) and meanings(right, recipe):
        return ".".join(right)
    every = {one.path[-1]: one.key for one in reversed(keys_below((), recipe))}
    return every.get(near(path[-1], every), "")


def kinds(path: Key) -> dict[str, str]:
    """What each value means of a word that decides which keys there are; of other keys nothing."""
    for word, entries in TYPES.values():
        if path == word:
            return {name: entry.doc for name, entry in entries.items()}
    key, found = ".".join(path), {}
    for outer in meanings(path[:-1]):
        for of, node in objects(outer, {}):
            if of and of[-1].word == key:
                found[of[-1].names[0]] = " ".join(node.get("description", "").split())
    return found


def _root() -> Meaning:
    return Meaning((), recipe_schema(), "A recipe: what one training run is.")


def _without(recipe: dict[str, Any], path: Key) -> dict[str, Any]:
    """A recipe that does not say one key: of a deciding word all that it may be is asked for."""
    around = recipe.get(path[0]) if path else None
    if not isinstance(around, dict) or len(path) < 2:
        return recipe
    rest = {name: one for name, one in around.items() if name != path[1]}
    inner = rest if len(path) == 2 else _without(around, path[1:])
    return {**recipe, path[0]: inner}


def _merged(found: Iterable[Meaning]) -> list[Meaning]:
    """Meanings that differ by nothing but who has the key, as one."""
    same: dict[tuple[Any, ...], list[Meaning]] = {}
    for one in found:
        allowed = "" if _named_values(one) else one.allowed
        alike = (one.path, one.doc, allowed, repr(one.default), one.required)
        same.setdefault(alike, []).append(one)
    return [
        replace(several[0], node=_any_node(several), of=_any_of(several))
        for several in same.values()
    ]


def _any_node(several: list[Meaning]) -> Node:
    """What some meanings allow together: the first's, or the deciding values of all."""
    first = several[0].node
    if not _named_values(several[0]) or len(several) == 1:
        return first
    named = {key: one for key, one in first.items() if key != "const"}
    return {**named, "enum": list(dict.fromkeys(v for one in several for v in _named_values(one)))}


def _named_values(one: Meaning) -> list[Any]:
    """The values of a word that decides which keys there are, under one choice of it."""
    if not any(choice.word == one.key for choice in one.of):
        return []
    return [one.node["const"]] if "const" in one.node else list(one.node.get("enum", ()))


def _any_of(several: list[Meaning]) -> tuple[Choice, ...]:
    """The choices under which one of some meanings holds; a word that may be anything is none."""
    found: dict[str, Choice] = {}
    for choice in (choice for one in several for choice in one.of):
        had = found.get(choice.word, replace(choice, names=()))
        names = tuple(dict.fromkeys((*had.names, *choice.names)))
        found[choice.word] = replace(choice, names=names)
    return tuple(one for one in found.values() if set(one.names) != set(one.all))
