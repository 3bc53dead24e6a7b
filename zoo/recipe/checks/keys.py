"""Ring 1, first half: keys, types and ranges of the six sections, said as faults."""

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from zoo.errors import Fault, near
from zoo.recipe.checks.known import names_at, node_at, recipe_schema
from zoo.recipe.checks.nodes import choices, near_value, words, words_for
from zoo.recipe.compose.json_text import brief
from zoo.recipe.provenance import Key
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.sections import FOLDERS, SECTIONS
from zoo.recipe.spec.words import TOO_LARGE
from zoo.recipe.vocabulary.foreign import RULED
from zoo.recipe.vocabulary.parameters import Node

Origin = Callable[[Key], str]
"""Says which file or word wrote the value of a key."""

UNKNOWN = "an unknown key"
RULED_BY_ANOTHER = "a key that another one rules"
NOTHING = {"missing", "union_tag_not_found"}
"""The types of pydantic's errors for a key that is required and absent."""


@dataclass(frozen=True)
class Checked:
    """What the specs say of an object: a recipe, or every fault; `unknown` are keys of no spec."""

    recipe: Recipe | None
    faults: list[Fault] = field(default_factory=list)
    unknown: list[Key] = field(default_factory=list)


def unknown(origin: str, key: Key, allowed: list[str]) -> Fault:
    """The fault of a key that is not there: what is, and the nearest or the ruling key."""
    ruling = RULED.get(".".join(key[-2:]), RULED.get(key[-1]))
    if ruling and ruling.split(".")[0] in ("optimizer", "parallel", "run", "task", "model"):
        dotted = ".".join(key)
        if ruling != dotted:
            return Fault(origin, dotted, RULED_BY_ANOTHER, ruling, ruling)
    spelled = near(key[-1], allowed)
    return Fault(origin, ".".join(key), UNKNOWN, ", ".join(allowed) or "none", spelled)


def check_keys(data: dict[str, Any], origin: Origin) -> Checked:
    """The recipe if its keys, types and ranges are right, else everything that is wrong."""
    try:
        return Checked(Recipe.model_validate_json(json.dumps(data)))
    except ValidationError as error:
        found = error.errors(include_url=False)
    paths: dict[Key, list[dict[str, Any]]] = {}
    for one in found:
        entry = dict(one)
        if entry["type"] == "json_invalid":  # half a surrogate pair, which no JSON text can hold
            return Checked(None, [Fault(origin(()), "JSON", "half a character", "UTF-8")])
        if entry["type"] == "default_factory_not_called":
            continue  # follows from a fault of the key that the default is taken from
        paths.setdefault(_path(data, entry), []).append(entry)
    faults = []
    around = {path[:depth] for path in paths for depth in range(len(path))}
    for path, several in paths.items():
        if path not in around or several[0]["type"] == "missing":
            faults.append(_fault(data, path, several, origin))
    meant = {fault.nearest for fault in faults if fault.found == UNKNOWN}
    faults = [
        fault
        for fault in faults
        if fault.found != "nothing" or fault.key.rsplit(".", 1)[-1] not in meant
    ]
    unknown_keys = [
        path
        for path, several in paths.items()
        if any(entry["type"] == "extra_forbidden" for entry in several)
    ]
    return Checked(None, faults, unknown_keys)


def without(data: dict[str, Any], keys: Iterable[Key]) -> dict[str, Any]:
    """A copy without some keys, so that the rules can look at the rest."""
    rest = copy.deepcopy(data)
    for *above, last in keys:
        place: Any = rest
        for name in above:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return rest


def _path(data: Any, error: dict[str, Any]) -> Key:
    """The key path of a pydantic location: without the tags of unions, up to a list."""
    path: list[str] = []
    location = list(error["loc"])
    for index, name in enumerate(location):
        last = index == len(location) - 1
        if isinstance(data, dict) and name in data and isinstance(name, str):
            data = data[name]
            path.append(name)
        elif last and error["type"] == "missing":
            path.append(str(name))
        elif isinstance(data, list) and isinstance(name, int):
            break
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        path.append(error["ctx"]["discriminator"].strip("'"))
    return tuple(path)


def _fault(data: Any, path: Key, errors: list[dict[str, Any]], origin: Origin) -> Fault:
    """One fault for all that pydantic finds wrong with a key."""
    kinds = {error["type"] for error in errors}
    key = ".".join(path)
    if "extra_forbidden" in kinds:
        return unknown(origin(path), path, names_at(data, path[:-1]) or [])
    node = node_at(data, path)
    names = recipe_schema()["$defs"]
    if any(error["loc"][-1] == "[key]" and "ctx" in error for error in errors):
        roles = choices(node or {}, names) or _roles(errors)
        return unknown(origin(path), path, roles)
    value = None if kinds & NOTHING else _value(data, path)
    allowed = words_for(value, node, names) if node else errors[0]["msg"]
    if len(path) == 1 and path[0] in SECTIONS:
        allowed = "an object, or the name of a fragment" if path[0] in FOLDERS else "an object"
    if "value_error" in kinds:
        allowed = _rule_of_values(errors, node or {})
    if kinds & NOTHING:
        return Fault(origin(path), key, "nothing", f"{allowed} (required)")
    if TOO_LARGE in kinds:
        allowed = next(error["msg"] for error in errors if error["type"] == TOO_LARGE)
        return Fault(origin(path), key, brief(value), allowed)
    return Fault(origin(path), key, brief(value), allowed, near_value(value, node or {}, names))


def _rule_of_values(errors: list[dict[str, Any]], node: Node) -> str:
    """What the values of a list must be, as the specs say it, and the other choices of the key."""
    rule = next(str(one["ctx"]["error"]) for one in errors if one["type"] == "value_error")
    others = [words(one) for one in node.get("anyOf", ()) if "const" in one]
    return ", or ".join([rule, *others])


def _roles(errors: list[dict[str, Any]]) -> list[str]:
    """The names that a map's keys may have, where the schema does not list them."""
    return [
        word.strip("' ")
        for word in errors[0]["ctx"].get("expected", "").replace(" or ", ",").split(",")
    ]


def _value(data: Any, path: Key) -> Any:
    """What stands at a path."""
    for name in path:
        data = data[name]
    return data
