"""What a user may have meant by something that is refused, as words of the command line.

Nothing here is sure: the words are tried out before they are said (`zoo.recipe.load`).
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from zoo.errors import Fault, near
from zoo.recipe.checks.alike import said_by_others
from zoo.recipe.checks.keys import RULED_BY_ANOTHER, UNKNOWN
from zoo.recipe.checks.known import names_at, node_at, recipe_schema
from zoo.recipe.checks.nodes import choices, fits, resolve, without_refs
from zoo.recipe.compose.merge import UNSET
from zoo.recipe.compose.words import word_value
from zoo.recipe.provenance import GROUPS, Key
from zoo.recipe.spec.sections import SECTIONS
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import Node
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

Words = tuple[str, ...]
MOST_OTHERS = 4
"""How many values of other recipes are tried."""
NAMES: dict[Key, list[str]] = {
    ("optimizer", "type"): list(OPTIMIZERS),
    ("optimizer", "scheduler", "type"): list(SCHEDULERS),
}
"""Keys that hold a name of the vocabulary, which the specs leave open."""


def word_of(path: Key, value: Any) -> str:
    """The word that says a value: JSON, or a bare string where that reads back as the same."""
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value)
    if text is value and word_value(text, "") != value:
        text = json.dumps(value)
    return f"{'.'.join(path)}={text}"


def ways_of_key(fault: Fault, path: Key, data: Any) -> Iterator[Words]:
    """Words for a key that is refused whatever it holds: its right name, or its right place."""
    value = _value(data, path)
    value = UNSET if value is None else value
    if fault.found == RULED_BY_ANOTHER:
        yield (word_of(tuple(fault.nearest.split(".")), value),)
    if fault.found == UNKNOWN and fault.nearest:
        yield (word_of((*path[:-1], fault.nearest), value),)
    if fault.found == UNKNOWN and len(path) == 1:
        for home in _homes(path[0], data):
            yield (word_of(home, value),)


def ways_of_value(fault: Fault, path: Key, data: Any) -> Iterator[Words]:
    """Words for a value that does not fit: another spelling, a list of it, a key below."""
    value = _value(data, path)
    if fault.nearest:
        yield (f"{fault.key}={fault.nearest}",)
    node = node_at(data, path)
    if node is None or isinstance(value, dict):
        return
    names = recipe_schema()["$defs"]
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        yield (word_of(path, value.casefold() == "true"),)
    if fits(without_refs(node, names), [value]):
        yield (word_of(path, [value]),)
    below = len(path) > 1 and path[:2] != GROUPS  # of a section or a group anything may be meant
    for name, inner in _keys_below(node, data, path) if below else ():
        meant = _meant(value, inner, (*path, name))
        if meant is not None:
            yield (word_of((*path, name), meant),)


def ways_back(path: Key, data: Any, before: Any) -> Iterator[Words]:
    """Words for a value that is like nothing: a whole number, one of a list, what stood
    `before` it was typed, a bound, the key left out, or a name that is allowed.
    """
    value, node = _value(data, path), node_at(data, path)
    names = recipe_schema()["$defs"]
    is_number = isinstance(value, int | float)
    if node is not None and is_number and not isinstance(value, bool) and round(value):
        yield (word_of(path, round(value)),)
    if isinstance(value, list) and len(value) == 1:
        yield (word_of(path, value[0]),)
    is_path = isinstance(before, str) and before.startswith("/")
    if before is not None and not isinstance(before, dict) and not is_path:
        yield (word_of(path, before),)
    if node is not None and is_number:
        for number in _ends(without_refs(node, names)):
            yield (word_of(path, number),)
    if value is not None and not is_path:
        yield (word_of(path, UNSET),)
    for name in choices(node or {}, names)[:3]:
        yield (word_of(path, name),)
    if is_number and value < 0:
        yield (word_of(path, -value),)


def _ends(node: Node) -> list[Any]:
    """The least and the largest of the numbers that a node names or bounds; but no rate of 0,
    which is legal and trains nothing.
    """
    parts = [*node.get("anyOf", ()), node]
    bounds = [(one, end) for one in parts for end in ("minimum", "maximum") if end in one]
    found = [one[end] for one, end in bounds if one[end] or one.get("type") == "integer"]
    numbers = [one for part in parts for one in part.get("enum", ()) if type(one) is int]
    return [int(one) if float(one).is_integer() else one for one in [*numbers[::-1], *found]]


def ways_of_nothing(path: Key, data: Any) -> Iterator[Words]:
    """Words for a key that must be said: the usual one of the two values that it may have."""
    node = node_at(data, path)
    several = choices(node or {}, recipe_schema()["$defs"])
    if len(several) == 2:
        yield (word_of(path, several[1]),)


def ways_of_others(path: Key, data: Any) -> Iterator[Words]:
    """Words for what recipes of the catalog say there, the most alike first; of data's folder for
    the one that words start from.
    """
    if path[:1] == ("data",) and path[-1:] == ("folder",):
        yield (word_of(path, "."),)
    for value in islice(said_by_others(data, path), MOST_OTHERS):
        yield (word_of(path, value),)


def _keys_below(node: Node, data: Any, path: Key) -> list[tuple[str, Node]]:
    """The keys of the object that should stand at a path: those with few choices first."""
    names = recipe_schema()["$defs"]
    inside = _with(data, path, {})
    found: dict[str, Node] = {}
    for variant in [*node.get("anyOf", ()), node]:
        variant = resolve(variant, names)
        if "discriminator" in variant:
            mapping = variant["discriminator"]["mapping"]
            found[variant["discriminator"]["propertyName"]] = {"enum": list(mapping)}
        found |= variant.get("properties", {})
    for name in names_at(inside, path) or ():
        inner = node_at(inside, (*path, name))
        if inner is not None:
            found[name] = inner
    few = [name for name, one in found.items() if choices(one, names) or "enum" in one]
    return [(name, found[name]) for name in dict.fromkeys([*few, *found])]


def _meant(value: Any, node: Node, path: Key) -> Any:
    """The value that a key would take if this was meant for it, or None."""
    node = without_refs(node, recipe_schema()["$defs"])
    allowed = NAMES.get(path) or choices(node)
    if isinstance(value, str) and allowed:
        holds = (name for name in allowed if len(value) > 2 and value.casefold() in name.casefold())
        return near(value, allowed) or next(holds, None)
    right = "enum" in node or node.get("type") in ("integer", "number")
    return value if right and not isinstance(value, bool) and fits(node, value) else None


def _homes(leaf: str, data: Any) -> list[Key]:
    """Where a key that stands outside of every section belongs."""
    found: list[Key] = []
    for section in SECTIONS:
        keys: list[Key] = [(section, name) for name in names_at(data, (section,)) or ()]
        for path in (("optimizer", "params"), ("parallel", "zero"), ("parallel", "pipeline")):
            if path[0] == section:
                keys += [(*path, name) for name in names_at(data, path) or ()]
        found += [key for key in keys if key[-1] == leaf]
    return found


def _value(data: Any, path: Key) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _with(data: Any, path: Key, value: Any) -> Any:
    """A recipe's object with another value at a path; what is not on the way is shared."""
    if not path:
        return value
    around = data if isinstance(data, dict) else {}
    return {**around, path[0]: _with(around.get(path[0]), path[1:], value)}
