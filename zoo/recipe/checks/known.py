"""Which keys may stand where in a recipe: those of the specs, and those of the open maps."""

import functools
from typing import Any

from zoo.recipe.checks.nodes import resolve
from zoo.recipe.provenance import Key
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS, canonical
from zoo.recipe.vocabulary.parameters import Node, Parameters
from zoo.recipe.vocabulary.roles import ROLES
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.recipe.vocabulary.tables import table

ANYTHING: Node = {}
_NAME: Node = {"type": "string", "minLength": 1}
COLUMN: Node = {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}
"""The column of a role: its name, or those of several."""


@functools.cache
def recipe_schema() -> Node:
    """JSON Schema of the specs, generated once."""
    return Recipe.model_json_schema()


def node_at(data: Any, path: Key) -> Node | None:
    """What a key may hold, as the rest of a recipe decides; None for a key that is not there.

    An empty node where nobody knows.
    """
    node: Node = recipe_schema()
    value = data
    for depth, name in enumerate(path):
        inner = _object_at(node, data, path[:depth], value)
        if inner is None:
            return None
        if name in inner.get("properties", {}):
            node = inner["properties"][name]
        elif isinstance(inner.get("additionalProperties"), dict):
            node = inner["additionalProperties"]
        elif inner == ANYTHING or inner.get("additionalProperties") is True:
            node = ANYTHING
        else:
            return None
        value = value.get(name) if isinstance(value, dict) else None
    return resolve(node, recipe_schema()["$defs"])


def names_at(data: Any, path: Key) -> list[str] | None:
    """The keys that the object at a path may hold, none if it is no object; None: any."""
    node = node_at(data, path)
    value = data
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    inner = _object_at(node, data, path, value) if node is not None else None
    if inner is None:
        return []
    if "properties" not in inner:
        return None
    return [name for name in inner["properties"] if name != "$schema"]


def _object_at(node: Node, data: Any, path: Key, value: Any) -> Node | None:
    """The node of an object: that of the specs, or the vocabulary's where those leave it open."""
    known = vocabulary(data, path)
    if known is not None or node == ANYTHING:
        return known or ANYTHING
    return _object_node(node, value)


def _object_node(node: Node, value: Any) -> Node | None:
    """The node of an object among the choices of a node, as the value decides; None if none is."""
    names = recipe_schema()["$defs"]
    node = resolve(node, names)
    if "discriminator" in node:
        word = node["discriminator"]["propertyName"]
        mapping = node["discriminator"]["mapping"]
        chosen = value.get(word) if isinstance(value, dict) else None
        if isinstance(chosen, str) and chosen in mapping:
            return resolve({"$ref": mapping[chosen]}, names)
        # Without a valid discriminator only the discriminator itself can be spoken about.
        return {"properties": {word: {"enum": list(mapping)}}}
    resolved = [resolve(one, names) for one in [*node.get("anyOf", []), node]]
    tagged = next((one for one in resolved if "discriminator" in one), None)
    if tagged is not None:
        return _object_node(tagged, value)
    return next((one for one in resolved if one.get("type") == "object"), None)


def vocabulary(data: Any, path: Key) -> Node | None:
    """The keys of an open map; None for a path that is none."""
    optimizer = _inner(data, "optimizer")
    entry = OPTIMIZERS.get(canonical(str(optimizer.get("type"))))
    if path == ("optimizer", "params"):
        return _parameters(entry.parameters if entry else None)
    if path[:2] == ("optimizer", "groups") and len(path) == 3:
        own = entry.parameters if entry else {}
        in_groups = {name: one for name, one in own.items() if one.per_group}
        return _parameters(in_groups or None)
    if path == ("optimizer", "scheduler", "params"):
        schedule = SCHEDULERS.get(str(_inner(optimizer, "scheduler").get("type")))
        return _parameters(schedule.parameters if schedule else None)
    if path == ("parallel", "zero"):
        return {"properties": table("zero")}
    if path == ("model", "processor"):
        return {"properties": table("processor")}
    if path[:1] == ("data",) and path[-2:] == ("data", "columns"):
        return {
            "properties": {role: {**COLUMN, "description": one.doc} for role, one in ROLES.items()}
        }
    return _config(data, path) if path[:2] == ("model", "config") else None


def _parameters(parameters: Parameters | None) -> Node:
    if parameters is None:
        return ANYTHING
    return {
        "properties": {name: one.described for name, one in parameters.items()},
        "required": [name for name, one in parameters.items() if one.required],
    }


def _config(data: Any, path: Key) -> Node:
    """The keys of a config class; their values, and classes that no table holds, are free."""
    value = _inner(_inner(data, "model"), "config")
    known, nested = None, ""
    for name in (*path[2:], ""):
        entry = table("model")["types"].get(str(value.get("model_type", nested)))
        known = entry
        if entry is None or not name:
            break
        nested, value = entry.get("nested", {}).get(name, ""), _inner(value, name)
    if known is None or _inner(data, "model").get("trust_remote_code") is True:
        return ANYTHING
    keys = [*known["keys"], *table("model")["common"], "model_type"]
    return {"properties": dict.fromkeys(keys, ANYTHING)}


def _inner(value: Any, name: str) -> dict[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}
