"""What a fuzz test lays over recipes: every key that a spec or a table knows, and any JSON."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.recipe.conftest import FILES
from zoo.recipe.checks.known import recipe_schema
from zoo.recipe.checks.nodes import resolve
from zoo.recipe.compose.catalog import fragments, shipped_catalog
from zoo.recipe.provenance import Key
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import Node
from zoo.recipe.vocabulary.schedulers import SCHEDULERS
from zoo.recipe.vocabulary.tables import table

Change = tuple[Key, Any]
NUMBERS = (
    *(0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 10**30, 10**308, 10**400, -(10**400)),
    *(2.0, 1e3, 5e8, 1e16, 1e-320, 1e300, 1.7e308, -1e308, -0.0, 0.5, 0.9999999999999999),
    *(float("nan"), float("inf"), float("-inf")),
)
STRINGS = (
    *("", " ", ".", "..", "/", "~", "~/", "~nosuchuser", "~nosuchuser/x", "./x", "auto", "*"),
    *("a" * 256, "a" * 5000, "a/" * 3000, "\u00e9" * 200, "\u2028", "\x00", "./a\x00b", "\x1b[2J"),
    *("\ud800", "\udfff\ud800", "NaN", "null", "1e999", "\u00b2", "true", "[", "{}", "a.b", "\n"),
    *("unset", "false", "=", "\u202e"),
)
SHAPES: tuple[Any, ...] = (
    *([], [None], ["a"], [["a"]], [0.5, 0.1], [1, 1], [-1e308, 1e308], [10**400], [{}], [True]),
    *({}, {"": 1}, {"a": None}, {"kind": ["a"]}, {"type": {}}, {"base": []}, {"base": "\x00"}),
    *({"kind": {"a": 1}}, {"model_type": ["x"]}, {"source": []}, {"stage": 2.0}, {"a": {"b": {}}}),
    *(None, True, False),
)
UNKNOWN = (
    *("", "x", "base", "tiny", "$schema", "learning_rate", "a.b", "\u00e9", "\x00", "n" * 300),
    *("[key]", "kind", "type", "hub", "int4", "str", "causal-lm", "literal[False]", "\ud800"),
)
PATTERNS = ("*.bias", "a.b*", "", "*", "[", ".", "\x00", "n" * 300, "lr")
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(UNKNOWN) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
NASTY = (
    st.sampled_from(NUMBERS),
    st.sampled_from(STRINGS),
    st.sampled_from(SHAPES),
    ANYTHING,
)


def known_keys() -> dict[Key, list[Node]]:
    """Every key path of the specs and of the open maps, each with what may stand there."""
    found: dict[Key, list[Node]] = {}
    for path, node in _keys(recipe_schema(), ()):
        found.setdefault(path, []).append(node)
    return found


def _keys(node: Node, path: Key) -> Iterator[tuple[Key, Node]]:
    names = recipe_schema()["$defs"]
    node = resolve(node, names)
    for variant in [*node.get("anyOf", ()), *node.get("oneOf", ())]:
        yield from _keys(variant, path)
    for name, inner in [*node.get("properties", {}).items(), *_open_keys(path)]:
        yield (*path, name), inner
        yield from _keys(inner, (*path, name))


def _open_keys(path: Key) -> Iterator[tuple[str, Node]]:
    """What the tables know of the maps that the specs leave open."""
    types = table("model")["types"]
    if path == ("model", "config"):
        yield "model_type", {"enum": list(types)}
        yield from ((name, {}) for name in ("n_layer", "mask_time_prob", "vocab_size"))
        nested = {key for one in types.values() for key in one.get("nested", ())}
        inner = {"properties": {"model_type": {"enum": list(types)}, "hidden_size": {}}}
        yield from ((key, inner) for key in sorted(nested))
    elif path == ("model", "processor"):
        yield from [*table("processor").items(), ("size", {})]
    elif path == ("parallel", "zero"):
        yield from table("zero").items()
    elif path == ("optimizer", "params"):
        for optimizer in OPTIMIZERS.values():
            yield from ((name, one.node) for name, one in optimizer.parameters.items())
    elif path == ("optimizer", "groups"):
        yield from ((name, {"properties": {"lr": {}, "betas": {}}}) for name in PATTERNS)
    elif path == ("optimizer", "scheduler", "params"):
        for schedule in SCHEDULERS.values():
            yield from ((name, one.node) for name, one in schedule.parameters.items())
    elif path == ("data", "columns"):
        yield from ((name, {}) for name in ("text", "label", "image"))


KEYS = known_keys()
DOTTED = sorted(".".join(path) for path in KEYS)
KEYS_OF: dict[str, list[Key]] = {}
for _path in KEYS:
    KEYS_OF.setdefault(_path[0], []).append(_path)
SECTIONS = ("task", "model", "data", "parallel", "optimizer", "run")
NAMES = {
    section: sorted(
        {*fragments(section, (shipped_catalog(),))}
        | {name.split("/")[1] for name in FILES if name.startswith(f"{section}/")}
    )
    for section in SECTIONS[:-1]
}


def likely(path: Key) -> list[Any]:
    """Values that may well be right at a key, so that recipes get through to what is behind."""
    values: list[Any] = []
    for node in KEYS[path]:
        values += _values(node)
    if path == ("optimizer", "type"):
        values += [*OPTIMIZERS, "adamw", "Adafactor"]
    if path == ("optimizer", "scheduler", "type"):
        values += list(SCHEDULERS)
    if len(path) == 1:
        values += NAMES.get(path[0], [])
    return values


def _values(node: Node) -> list[Any]:
    node = resolve(node, recipe_schema()["$defs"])
    if "const" in node:
        return [node["const"]]
    if "enum" in node:
        return list(node["enum"])
    parts = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    if parts:
        return [value for one in parts for value in _values(one)]
    match node.get("type"):
        case "integer":
            return [1, 2, 3, 8, 100, 2.0, 2**53]
        case "number":
            return [0, 1, 0.0, 0.1, 0.2, 0.9, 1e-4, 2.5]
        case "boolean":
            return [True, False]
        case "string":
            return ["x", "./x", "~/x", "train", "bytes", "characters"]
        case "array":
            inner = _values(node.get("items", {})) or [0.5]
            return [[], inner[:1], inner[:1] * 2, inner[:2], [0.5, 1.0]]
        case "object":
            return [{}]
    return []


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """One key, known or not, and a value for it: any JSON, or what may well be right."""
    section = draw(st.sampled_from((*SECTIONS, *SECTIONS, "description", "$schema")))
    path = draw(st.sampled_from(KEYS_OF[section]))
    how = draw(st.integers(0, 9))
    if how < 4 and (right := likely(path)):
        return path, draw(st.sampled_from(right))
    if how == 8:
        path = path[:-1] or path
    if how == 9:
        path = (*path, draw(st.sampled_from(UNKNOWN)))
    return path, draw(draw(st.sampled_from(NASTY)))
