"""What `zoo explain` says: a key's value, where it came from, what fell away."""

import json
from dataclasses import replace
from typing import Any

from zoo.errors import ConfigError, printable
from zoo.recipe import Recipe, expanded
from zoo.recipe.checks.keys import UNKNOWN, unknown
from zoo.recipe.checks.known import names_at
from zoo.recipe.provenance import Key, located, split_key
from zoo.recipe.recipe import origin_of


def explained(recipe: Recipe, key: str) -> list[str]:
    """Lines that say a key's value, where it came from, and what fell away there.

    Raises ConfigError when no recipe of this kind has such a key.
    """
    content = expanded(recipe)
    path = located(content, key) or split_key(key)
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
    return [printable(line) for line in lines]


def _known(recipe: Recipe, content: dict[str, Any], path: Key) -> None:
    allowed = names_at(content, path[:-1])
    if allowed is None or path[-1] in allowed:
        return
    fault = unknown(origin_of(recipe, path[:-1]), path, allowed)
    if fault.found == UNKNOWN and fault.nearest:
        fault = replace(fault, nearest=".".join((*path[:-1], fault.nearest)))
    raise ConfigError([fault])


def _leaves(value: Any, path: Key) -> list[tuple[Key, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, part in value.items() for leaf in _leaves(part, (*path, name))]
    return [(path, value)]


def _source(recipe: Recipe, path: Key) -> str:
    return recipe.provenance.origins.get(path, "the default")
