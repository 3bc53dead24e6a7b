"""What `zoo explain` says: a key's value, where it came from, what fell away."""

import json
from typing import Any

from zoo.errors import ConfigError
from zoo.recipe import Recipe, expanded
from zoo.recipe.checks.keys import known_keys, unknown
from zoo.recipe.provenance import Key, split_key
from zoo.recipe.recipe import origin_of


def explained(recipe: Recipe, key: str) -> list[str]:
    """Lines that say a key's value, where it came from, and what fell away there.

    Raises ConfigError when no recipe of this kind has such a key.
    """
    path = split_key(key)
    content = expanded(recipe)
    found: Any = content
    for depth, name in enumerate(path):
        if not isinstance(found, dict) or name not in found:
            found = None
            _known(recipe, content, path[: depth + 1])
            break
        found = found[name]
    lines = [f"{key} is not set"] if found is None else []
    for leaf, value in _leaves(found, path) if found is not None else ():
        lines += [f"{'.'.join(leaf)} = {json.dumps(value)}", f"  from {_source(recipe, leaf)}"]
    for drop in recipe.provenance.drops:
        if drop.key[: len(path)] == path or path[: len(drop.key)] == drop.key:
            lines.append(f"  dropped: {'.'.join(drop.key)} = {json.dumps(drop.value)}")
            lines.append(f"    from {drop.origin}, because {drop.because}")
    return lines


def _known(recipe: Recipe, content: dict[str, Any], path: Key) -> None:
    allowed = known_keys(content, path[:-1])
    if allowed and path[-1] not in allowed:
        raise ConfigError([unknown(origin_of(recipe, path[:-1]), path, allowed)])


def _leaves(value: Any, path: Key) -> list[tuple[Key, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, part in value.items() for leaf in _leaves(part, (*path, name))]
    return [(path, value)]


def _source(recipe: Recipe, path: Key) -> str:
    return recipe.provenance.origins.get(path, "the default")
