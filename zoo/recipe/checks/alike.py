"""What recipes of the shipped catalog say where one has nothing, or nothing that can be read."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.recipe.compose import catalog
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.provenance import Key
from zoo.recipe.spec.sections import FOLDERS

Content = dict[str, Any]


def said_by_others(data: Any, path: Key) -> Iterator[Any]:
    """What other recipes say at a path, each value once: first those of the same kind of task, the
    same architecture, and with a model that needs nothing from the hub.

    A section that is a fragment's is its name.
    """
    root, data = catalog.shipped_catalog(), data if isinstance(data, dict) else {}
    kind, architecture = _kind(root, data), _architecture(root, data)

    def unlike(one: Content) -> tuple[bool, bool, bool]:
        other = architecture is not None and _architecture(root, one) != architecture
        return kind is not None and _kind(root, one) != kind, other, _asks_the_hub(root, one)

    said: list[Any] = []
    for one in sorted(_written(root), key=unlike):
        value = one.get(path[0]) if len(path) == 1 else _below(_section(root, one, path[0]), path)
        if value is not None and value not in said:
            said.append(value)
            yield value


@functools.cache
def _written(root: Path) -> tuple[Content, ...]:
    """The recipes of a catalog as their files say them."""
    return tuple(read_object(file) for file in catalog.recipes(root))


@functools.cache
def _fragment(root: Path, section: str, name: str) -> Content:
    file = catalog.fragment(section, name, (root,))
    return read_object(file) if file else {}


def _section(root: Path, content: Content, section: str) -> Content:
    """What a section says, with what its fragment does."""
    value = content.get(section)
    name = value.get("base") if isinstance(value, dict) else value
    held = isinstance(name, str) and section in FOLDERS
    base = _fragment(root, section, name) if held else {}
    return {**base, **value} if isinstance(value, dict) else base


def _kind(root: Path, content: Content) -> Any:
    return _section(root, content, "task").get("kind")


def _architecture(root: Path, content: Content) -> Any:
    config = _section(root, content, "model").get("config")
    return config.get("model_type") if isinstance(config, dict) else None


def _asks_the_hub(root: Path, content: Content) -> bool:
    """Whether a model has a name, weights or a tokenizer of somebody else's."""
    model = _section(root, content, "model")
    return any(isinstance(model.get(key), str) for key in ("name", "weights", "tokenizer"))


def _below(value: Any, path: Key) -> Any:
    """What stands in a section at a path."""
    for name in path[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value
