"""What a JSON Schema node allows: in words for a message, and as a test of a value."""

import json
import sys
from typing import Any

from zoo.errors import near
from zoo.recipe.spec.words import UNIT
from zoo.recipe.vocabulary.parameters import Node

TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "object": (dict,),
    "array": (list,),
}
MOST = sys.float_info.max
"""What no number may exceed: whole numbers beyond it cannot be multiplied with a share."""
NAMES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "object": "an object",
    "array": "a list",
}


def fits(node: Node, value: Any) -> bool:
    """Whether a value is what a node allows (types, enum, bounds, items, anyOf; no $ref)."""
    if "anyOf" in node:
        return any(fits(one, value) for one in node["anyOf"])
    if "const" in node:
        return type(value) is type(node["const"]) and bool(value == node["const"])
    if "enum" in node:
        return any(value == one and type(value) is type(one) for one in node["enum"])
    kind = node.get("type")
    if kind is None:
        return True
    if kind == "null":
        return value is None
    right = isinstance(value, TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)
    if isinstance(value, list):
        least, most = node.get("minItems", 0), node.get("maxItems", len(value))
        items = node.get("items", {})
        right = right and least <= len(value) <= most and all(fits(items, one) for one in value)
    if isinstance(value, int | float):
        right = right and _within(node, value)
    return right


def _within(node: Node, value: float) -> bool:
    """Whether a number keeps a node's bounds and those of all numbers."""
    return (
        -MOST <= value <= MOST
        and value >= node.get("minimum", value)
        and value <= node.get("maximum", value)
        and ("exclusiveMinimum" not in node or value > node["exclusiveMinimum"])
        and ("exclusiveMaximum" not in node or value < node["exclusiveMaximum"])
    )


def words(node: Node, names: Node | None = None) -> str:
    """What a node allows, in words; `names` holds the definitions that $ref points to."""
    node = resolve(node, names)
    if "discriminator" in node:
        word, mapping = node["discriminator"]["propertyName"], node["discriminator"]["mapping"]
        return f"an object of {word} ({', '.join(mapping)}) and its keys"
    for several in ("anyOf", "oneOf"):
        if several in node:
            parts = [words(one, names) for one in node[several] if one.get("type") != "null"]
            return ", or ".join(dict.fromkeys(parts))
    if "const" in node:
        return json.dumps(node["const"])
    if "enum" in node:
        return ", ".join(str(one) for one in node["enum"])
    kind = node.get("type", "")
    if kind in ("integer", "number"):
        return NAMES[kind] + _bounds(node)
    if kind == "array":
        return _list(node, names)
    if kind == "object" and "properties" in node:
        return f"an object of {', '.join(node['properties'])}"
    return NAMES.get(kind, "a value") + (" that is not empty" if node.get("minLength") else "")


def words_for(value: Any, node: Node, names: Node | None = None) -> str:
    """The same for a value that does not fit: a bound of all numbers is said to who breaks it."""
    beyond = isinstance(value, int) and not -MOST <= value <= MOST
    return f"{words(node, names)}, and within {MOST:g}" if beyond else words(node, names)


def _bounds(node: Node) -> str:
    """The bounds of a number in words."""
    said = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    parts = [f"{text} {node[key]:g}" for key, text in said.items() if key in node]
    said_so = " and ".join(parts)
    return f" of {said_so}" if said_so.startswith("at ") else f" {said_so}" if parts else ""


def _list(node: Node, names: Node | None) -> str:
    """A list in words: how many, and of what."""
    if "prefixItems" in node:
        return f"a list of {len(node['prefixItems'])} numbers"
    least, most = node.get("minItems", 0), node.get("maxItems")
    many = f" of {least}" if least == most else f" of at least {least}" if least else ""
    items = words(node["items"], names) if node.get("items") else ""
    return f"a list{many} (each {items})" if items else f"a list{many}"


def resolve(node: Node, names: Node | None) -> Node:
    """A node with its $ref followed."""
    while "$ref" in node:
        node = (names or {})[node["$ref"].rsplit("/", 1)[-1]]
    return node


def types(node: Node, names: Node | None = None) -> str:
    """What a value is in JSON, in words: less than `words` says."""
    node = resolve(node, names)
    if "discriminator" in node:
        return "object"
    for several in ("anyOf", "oneOf"):
        if several in node:
            parts = [types(one, names) for one in node[several] if one.get("type") != "null"]
            return ", or ".join(dict.fromkeys(parts))
    values = [node["const"]] if "const" in node else node.get("enum", [])
    kinds = [name for one in values for name, kind in TYPES.items() if type(one) in kind]
    kinds = kinds or [node["type"]] if "type" in node else kinds
    said = [NAMES[name].removeprefix("a ").removeprefix("an ") for name in kinds]
    return ", or ".join(dict.fromkeys(said)) or "any value"


def units(node: Node, names: Node | None = None) -> list[str]:
    """What the numbers count that a node allows, each once; nothing where they count nothing."""
    node = resolve(node, names)
    items = node.get("items")
    inner = [*node.get("anyOf", ()), *node.get("prefixItems", ())]
    inner += [items] if isinstance(items, dict) else []
    found = [node[UNIT]] if UNIT in node else []
    return list(dict.fromkeys([*found, *(unit for one in inner for unit in units(one, names))]))


def choices(node: Node, names: Node | None = None) -> list[str]:
    """The strings that a node names."""
    node = resolve(node, names)
    if "const" in node:
        return [node["const"]] if isinstance(node["const"], str) else []
    if "enum" in node:
        return [str(one) for one in node["enum"]]
    parts = [*node.get("anyOf", []), *node.get("oneOf", [])]
    return [name for one in parts for name in choices(one, names)]


def near_value(value: Any, node: Node, names: Node | None = None) -> str:
    """The allowed value that was probably meant: another spelling, a number in quotes."""
    if isinstance(value, str):
        spelled = near(value, choices(node, names))
        if spelled:
            return spelled
        return value if _fits_unquoted(value, without_refs(node, names)) else ""
    if (
        isinstance(value, float)
        and value.is_integer()
        and fits(without_refs(node, names), int(value))
    ):
        return str(int(value))
    return ""


def _fits_unquoted(text: str, node: Node) -> bool:
    """Whether a string would fit without its quotes."""
    try:
        return fits(node, json.loads(text))
    except (ValueError, RecursionError):
        return False


def without_refs(node: Node, names: Node | None) -> Node:
    """A node whose choices are written out, as `fits` wants them."""
    node = resolve(node, names)
    for several in ("anyOf", "oneOf"):
        if several in node:
            return {"anyOf": [without_refs(one, names) for one in node[several]]}
    return node
