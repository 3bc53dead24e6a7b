"""JSON Schema of a recipe file, for editors: keys, hover text, names of fragments offered."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.recipe.checks.known import recipe_schema
from zoo.recipe.checks.nodes import resolve, units
from zoo.recipe.compose.catalog import fragments, shipped_catalog
from zoo.recipe.spec.sections import BASE, FOLDERS, PART_NAME, TWIN
from zoo.recipe.spec.words import UNIT
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import Node, Parameter
from zoo.recipe.vocabulary.roles import ROLES
from zoo.recipe.vocabulary.schedulers import SCHEDULERS, Schedule
from zoo.recipe.vocabulary.tables import table


def file_schema(roots: tuple[Path, ...] = ()) -> Node:
    """Schema of recipe files; fragments of these catalogs (else the shipped one) are offered."""
    roots = roots or (shipped_catalog(),)
    schema: Node = _without_null(copy.deepcopy(recipe_schema()))
    names = schema["$defs"]
    _offer(names)
    for section in FOLDERS:
        node = schema["properties"][section]
        partial = _partial(node, names)
        partial["properties"]["base"] = {
            "description": BASE,
            "anyOf": _names(section, roots),
        }
        if section == "data":
            partial["properties"]["parts"] = _parts(names, roots)
        if section == "model":
            inner = {key: one for key, one in partial["properties"].items() if key != "base"}
            tiny = {"type": "object", "properties": inner, "additionalProperties": False}
            tiny["description"] = TWIN
            partial["properties"]["tiny"] = tiny
        description = node.get("description") or resolve(node, names).get("description", "")
        kinds = [*_names(section, roots), partial]
        schema["properties"][section] = {"description": description, "anyOf": kinds}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "A recipe of the zoo"
    schema["$defs"] = {}
    _define(schema, names, schema["$defs"])
    told: Node = _with_units_told(schema, names)
    return told


def _define(node: Any, names: Node, into: Node) -> None:
    """Put what a node refers to into the schema's definitions, and what those refer to."""
    if isinstance(node, list):
        for one in node:
            _define(one, names, into)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).rsplit("/", 1)[-1]
        if name and name not in into:
            into[name] = names[name]
            _define(names[name], names, into)
        for key, one in node.items():
            if key != "$defs":
                _define(one, names, into)


def _parts(names: Node, roots: tuple[Path, ...]) -> Node:
    """The parts of a mixture: a map or a list, each with a section `data` of its own."""
    part = copy.deepcopy(names["Part"])
    inner = _partial(part["properties"]["data"], names)
    inner["properties"]["base"] = {
        "description": BASE,
        "anyOf": _names("data", roots),
    }
    said = part["properties"]["data"].get("description", "")
    part["properties"]["data"] = {
        "description": said,
        "anyOf": [*_names("data", roots), inner],
    }
    listed = {"description": PART_NAME, "type": "string"}
    names["DataPart"] = {**part, "properties": {"name": listed, **part["properties"]}}
    one = {"$ref": "#/$defs/DataPart"}
    said = names["MixtureData"]["properties"]["parts"]["description"]
    several = {"type": "array", "items": one, "minItems": 1}
    kinds = [{"type": "object", "additionalProperties": one, "minProperties": 1}, several]
    return {"description": said, "anyOf": kinds}


def _names(section: str, roots: tuple[Path, ...]) -> list[Node]:
    known = fragments(section, roots)
    free = {"type": "string", "description": "Name of a fragment of your own catalog."}
    return [{"enum": known}, free] if known else [free]


def _offer(names: Node) -> None:
    """Put the vocabulary's words where the specs only know open maps."""
    zero = {"type": "object", "additionalProperties": False, "properties": table("zero")}
    names["ParallelSpec"]["properties"]["zero"] |= zero
    optimizer, schedule = names["OptimizerSpec"]["properties"], names["Scheduler"]["properties"]
    _offer_entries(optimizer, OPTIMIZERS)
    _offer_entries(schedule, SCHEDULERS)
    changes = {"type": "object", "properties": _parameters(OPTIMIZERS, per_group=True)}
    optimizer["groups"] |= {"additionalProperties": changes}
    for source in ("HubData", "FilesData", "BuiltInData"):
        columns = names[source]["properties"]["columns"]
        roles = {role: {"description": one.doc} for role, one in ROLES.items()}
        columns |= {"propertyNames": {"enum": list(ROLES)}, "properties": roles}
    scheduler = names["OptimizerSpec"]["properties"]["scheduler"]
    inner = {key: scheduler.pop(key) for key in ("$ref", "anyOf") if key in scheduler}
    scheduler["anyOf"] = [inner, {"const": False}]


def _offer_entries(properties: Node, entries: Mapping[str, Optimizer | Schedule]) -> None:
    """The names of some entries, and all their parameters."""
    said = "; ".join(f"{name}: {entry.doc}" for name, entry in entries.items())
    properties["type"]["examples"] = list(entries)
    properties["type"]["description"] += f" {said}"
    properties["params"] |= {"properties": _parameters(entries)}


def _parameters(entries: Mapping[str, Optimizer | Schedule], per_group: bool = False) -> Node:
    """Every parameter of some entries: its meaning, and what those that have it take."""
    found: dict[str, list[tuple[str, Parameter]]] = {}
    for name, entry in entries.items():
        for key, one in entry.parameters.items():
            if one.per_group or not per_group:
                found.setdefault(key, []).append((name, one))
    return {key: _parameter(several, len(entries)) for key, several in found.items()}


def _parameter(several: list[tuple[str, Parameter]], entries: int) -> Node:
    """One parameter for editors; entries that mean something else by it say so."""
    meanings: dict[str, list[str]] = {}
    for name, one in several:
        meanings.setdefault(one.doc, []).append(name)
    everywhere = len(meanings) == 1 and len(several) == entries
    lines = [doc if everywhere else f"{', '.join(names)}: {doc}" for doc, names in meanings.items()]
    nodes = [one.node for _, one in several]
    different = [node for at, node in enumerate(nodes) if node not in nodes[:at]]
    allowed = different[0] if len(different) == 1 else {"anyOf": different}
    return {"description": " ".join(lines), **allowed, **_default([one for _, one in several])}


def _default(several: list[Parameter]) -> Node:
    """The default of a parameter, if all that have it agree about one."""
    first = several[0].default
    agreed = all(one.default == first and not one.required for one in several)
    return {"default": first} if agreed and first is not None else {}


def _without_null(node: Any) -> Any:
    """Absent keys are None in the specs; in a file there is no null."""
    if isinstance(node, list):
        return [_without_null(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: _without_null(one) for key, one in node.items()}
    if node.get("default", 0) is None:
        del node["default"]
    if "anyOf" in node:
        parts = [one for one in node["anyOf"] if one.get("type") != "null"]
        if len(parts) == 1:
            del node["anyOf"]
            return {**parts[0], **node}
        node["anyOf"] = parts
    return node


def _with_units_told(node: Any, names: Node) -> Any:
    """A node whose sentences end in what its numbers count: editors show nothing else."""
    if isinstance(node, list):
        return [_with_units_told(one, names) for one in node]
    if not isinstance(node, dict):
        return node
    told = {
        key: _with_units_told(one, names)
        for key, one in node.items()
        if not (key == UNIT and isinstance(one, str))
    }
    counted = units(node, names)
    if counted and isinstance(node.get("description"), str):
        told["description"] += f" Unit: {', or '.join(counted)}."
    return told


def _partial(node: Node, names: Node) -> Node:
    """A section's object without what it must hold: with a base, any key may be left out."""
    node = resolve(node, names)
    variants = [resolve(one, names) for one in node.get("oneOf", [node])]
    properties: dict[str, list[Node]] = {}
    for variant in variants:
        for key, one in variant["properties"].items():
            found = properties.setdefault(key, [])
            inner = _open(one, names)
            if inner not in found:
                found.append(inner)
    required = set.intersection(*(set(variant.get("required", ())) for variant in variants))
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _joined(found) for key, found in properties.items()},
        "anyOf": [{"required": ["base"]}, {"required": sorted(required)}],
    }


def _joined(found: list[Node]) -> Node:
    if len(found) == 1:
        return found[0]
    if all("const" in one for one in found):
        kinds = [one["const"] for one in found]
        return {"description": found[0].get("description", ""), "enum": kinds}
    return {"anyOf": found}


CLOSED = ("required", "title", "discriminator")
"""What an open node lacks: a discriminator's mapping names definitions that are written out."""


def _open(node: Any, names: Node) -> Any:
    """A node with every $ref written out and nothing required."""
    if isinstance(node, list):
        return [_open(one, names) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        rest = {key: one for key, one in node.items() if key != "$ref"}
        return {**_open(resolve(node, names), names), **rest}
    return {key: _open(one, names) for key, one in node.items() if key not in CLOSED}
