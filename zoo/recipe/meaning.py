"""What each key of a recipe means, may hold and does: read off the specs and the vocabulary."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zoo.recipe.checks.known import ANYTHING, recipe_schema, vocabulary
from zoo.recipe.checks.nodes import resolve, types, units, words
from zoo.recipe.provenance import GROUPS, Key
from zoo.recipe.spec.sections import FOLDERS, TWIN, keys_of_files
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import Node
from zoo.recipe.vocabulary.schedulers import SCHEDULERS, Schedule

ANY = "NAME"
"""Stands for a name that the user gives, as that of a part of a mixture."""
TYPES: dict[Key, tuple[Key, Mapping[str, Optimizer | Schedule]]] = {
    ("optimizer", "params"): (("optimizer", "type"), OPTIMIZERS),
    GROUPS: (("optimizer", "type"), OPTIMIZERS),
    ("optimizer", "scheduler", "params"): (("optimizer", "scheduler", "type"), SCHEDULERS),
}
"""Maps whose keys a name decides: where that stands, and its entries."""
CONFIG = ("model", "config")
_OF_CONFIG = "A key of transformers' configuration of the `model_type`; see its documentation."


@dataclass(frozen=True)
class Choice:
    """What a word must be for a key to be there: `names` of `all` that it may be."""

    word: str
    names: tuple[str, ...]
    all: tuple[str, ...]


@dataclass(frozen=True)
class Meaning:
    """A key as one or some of the kinds have it."""

    path: Key
    node: Node
    doc: str
    required: bool = False
    of: tuple[Choice, ...] = ()

    @property
    def key(self) -> str:
        """The names with dots between them."""
        return ".".join(self.path)

    @property
    def allowed(self) -> str:
        """What it may hold, in words."""
        for word, entries in TYPES.values():
            if word == self.path:
                return ", ".join(entries)
        said = words(self.node, _definitions())
        if len(self.path) == 1 and self.path[0] in FOLDERS:
            return f"the name of a file of {self.key}/ in a catalog, or {said}"
        return said

    @property
    def type(self) -> str:
        """What its value is in JSON, in words."""
        return types(self.node, _definitions())

    @property
    def units(self) -> str:
        """What its number counts; empty where it counts nothing."""
        return ", or ".join(units(self.node, _definitions()))

    @property
    def default(self) -> Any:
        """What it is when nobody says it; None: absent."""
        return self.node.get("default")

    @property
    def holds_keys(self) -> bool:
        """Whether it is an object with keys of its own that are known."""
        config = self.path[: len(CONFIG)] == CONFIG and self.path != CONFIG
        return not config and next(objects(self, {}), None) is not None


def _definitions() -> Node:
    names: Node = recipe_schema()["$defs"]
    return names


def keys_inside(outer: Meaning, recipe: dict[str, Any]) -> Iterator[Meaning]:
    """The keys of the object that a key may hold, under every choice that is open.

    Without a recipe also those that stand in files alone.
    """
    for of, node in objects(outer, recipe):
        required = node.get("required", ())
        for name, inner in node.get("properties", {}).items():
            path = (*outer.path, name)
            yield Meaning(path, inner, _doc(path, inner, outer.doc), name in required, of)
        more = node.get("additionalProperties", node == ANYTHING)
        if more is not False:
            path, inner = (*outer.path, ANY), ANYTHING if more is True else more
            yield Meaning(path, inner, _doc(path, inner, outer.doc), False, of)
    if not recipe:
        for name, doc in keys_of_files(outer.path).items():
            node = outer.node if doc == TWIN else {"type": "string", "minLength": 1}
            yield Meaning((*outer.path, name), node, doc)


def _doc(path: Key, node: Node, around: str) -> str:
    """A key's sentence: its own, its object's, or that of the map whose entry it is."""
    said = node.get("description") or resolve(node, _definitions()).get("description")
    if not said and path[: len(CONFIG)] == CONFIG:
        said = _OF_CONFIG
    return " ".join((said or around).split())


def objects(outer: Meaning, recipe: dict[str, Any]) -> Iterator[tuple[tuple[Choice, ...], Node]]:
    """The nodes of the object that a key may hold, each with the choices that lead to it."""
    path = outer.path
    typed = TYPES.get(path[:2] if path[:2] == GROUPS and len(path) < 4 else path)
    known = vocabulary(recipe, path)
    if typed and path != GROUPS:
        word, entries = typed
        for choice in _choices(word, tuple(entries), recipe):
            yield (*outer.of, choice), vocabulary(_saying(word, choice.names[0]), path) or ANYTHING
    elif known is not None or path[: len(CONFIG)] == CONFIG:
        yield outer.of, known or ANYTHING
    else:
        yield from _variants(outer.node, outer, recipe)


def _variants(
    node: Node, outer: Meaning, recipe: dict[str, Any]
) -> Iterator[tuple[tuple[Choice, ...], Node]]:
    """The objects among what a node allows."""
    node = resolve(node, _definitions())
    if "discriminator" in node:
        mapping: dict[str, str] = node["discriminator"]["mapping"]
        word = (*outer.path, node["discriminator"]["propertyName"])
        for choice in _choices(word, tuple(mapping), recipe):
            of = (*outer.of, choice)
            yield of, resolve({"$ref": mapping[choice.names[0]]}, _definitions())
    elif "anyOf" in node:
        for one in node["anyOf"]:
            yield from _variants(one, outer, recipe)
    elif node.get("type") == "object":
        yield outer.of, node


def _choices(word: Key, names: tuple[str, ...], recipe: dict[str, Any]) -> list[Choice]:
    """What a word may be: all of its names, or the recipe's."""
    own = value(recipe, word)
    key = ".".join(word)
    return [Choice(key, (name,), names) for name in ((own,) if own in names else names)]


def _saying(word: Key, name: str) -> dict[str, Any]:
    """A recipe that says one word."""
    said: Any = name
    for part in reversed(word):
        said = {part: said}
    return dict(said)


def value(data: Any, path: Key) -> Any:
    """What stands at a path of an object; None: nothing."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data
