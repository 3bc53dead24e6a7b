"""Whole numbers that were written as floats: `1e3` and `5e8` count wherever a count is wanted."""

from collections.abc import Iterator
from typing import Any

from zoo.recipe.checks.known import node_at, recipe_schema
from zoo.recipe.checks.nodes import fits, without_refs
from zoo.recipe.provenance import Key
from zoo.recipe.vocabulary.parameters import Node


def make_whole(data: dict[str, Any]) -> None:
    """Turn floats into whole numbers, in place, where a key takes these alone."""
    for path, value in list(_floats(data, ())):
        node = node_at(data, path)
        if node:
            _set(data, path, _whole(without_refs(node, recipe_schema()["$defs"]), value))


def _whole(node: Node, value: Any) -> Any:
    """The value as the node wants it, or as it was."""
    if isinstance(value, list):
        other: Any = [_integral(one) for one in value]
    else:
        other = _integral(value)
    return other if not fits(node, value) and fits(node, other) else value


def _integral(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _floats(value: Any, path: Key) -> Iterator[tuple[Key, Any]]:
    """Every key that holds a whole float, or a list with one."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _floats(part, (*path, name))
        return
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(one, float) and one.is_integer() for one in parts):
        yield path, value


def _set(data: dict[str, Any], path: Key, value: Any) -> None:
    for name in path[:-1]:
        data = data[name]
    data[path[-1]] = value
