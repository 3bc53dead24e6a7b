"""Objects laid over one another: deep merge, restarts, and where each value came from."""

import copy
from typing import Any

from zoo.recipe.compose.json_text import brief
from zoo.recipe.provenance import Before, Drop, Key
from zoo.recipe.spec.sections import DISCRIMINATORS

UNSET = "unset"
"""The value that takes a key away, as though nobody had said it."""


class Composition:
    """An object under construction; every value remembers the file or word that wrote it."""

    def __init__(self, file: str) -> None:
        self.data: dict[str, Any] = {}
        self.origins: dict[Key, str] = {(): file}
        self.drops: list[Drop] = []
        self.before: dict[Key, list[Before]] = {}
        self.fragments: dict[str, str] = {}
        self.unset: dict[Key, tuple[str, bool]] = {}

    def origin(self, path: Key) -> str:
        """Who wrote the value at `path`, or the nearest object around it."""
        while path not in self.origins:
            path = path[:-1]
        return self.origins[path]

    def get(self, path: Key) -> Any:
        """The value at `path`, or None."""
        value: Any = self.data
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def lay(self, path: Key, value: Any, origin: str) -> None:
        """Lay a value over what stands at `path`: objects merge, everything else replaces.

        The word `unset` takes away what stands there.
        """
        if value == UNSET and path:
            self.unset[path] = (origin, self.get(path) is not None)
            self.drop(path, f"{'.'.join(path)} was unset by {origin}", wanted=True)
            return
        if not isinstance(value, dict):
            self._replace(path, copy.deepcopy(value), origin)
            return
        if isinstance(self.get(path), dict):
            self._restart(path, value, origin)
        else:
            self._replace(path, {}, origin)
        for name, part in value.items():
            self.lay((*path, name), part, origin)

    def drop(self, path: Key, because: str, wanted: bool = False) -> None:
        """Take away what stands at `path` and remember that it was there."""
        around = self.get(path[:-1])
        if isinstance(around, dict) and path[-1] in around:
            self.drops.append(Drop(path, around[path[-1]], self.origin(path), because, wanted))
            self.take(path)

    def remove(self, path: Key) -> None:
        """Take away what stands at `path`, for another value to be laid there."""
        self._remember(path, self.get(path))
        self.take(path)

    def take(self, path: Key) -> None:
        """Take away what stands at `path` and is no part of the recipe."""
        around = self.get(path[:-1])
        if isinstance(around, dict):
            around.pop(path[-1], None)
        self._forget(path)

    def _remember(self, path: Key, value: Any) -> None:
        """Note the values at and below `path`, and who said them."""
        if isinstance(value, dict) and value:
            for name, part in value.items():
                self._remember((*path, name), part)
        elif value is not None:
            self.before.setdefault(path, []).append(Before(value, self.origin(path)))

    def _forget(self, path: Key) -> None:
        """Take away the origins of a value and of all in it."""
        if path not in self.origins:
            return  # nothing in it has one either: objects are laid from the outside in
        for known in [known for known in self.origins if known[: len(path)] == path]:
            del self.origins[known]

    def _replace(self, path: Key, value: Any, origin: str) -> None:
        """Replace what stands at `path`, with objects around it where there are none."""
        if path in self.origins and self.origins[path] != origin:
            self._remember(path, self.get(path))
        self._forget(path)  # and not remove: a replaced key keeps its place, groups have an order
        around = self.get(path[:-1])
        if not isinstance(around, dict):
            self._replace(path[:-1], {}, origin)
            around = self.get(path[:-1])
        around[path[-1]] = value
        self.origins[path] = origin

    def _restart(self, path: Key, new: dict[str, Any], origin: str) -> None:
        """Drop what a new discriminator of the object at `path` makes meaningless."""
        old: dict[str, Any] = self.get(path)
        if path == ("run",):
            for here, there in (("steps", "epochs"), ("epochs", "steps")):
                if here in new and new[here] != UNSET and there not in new:
                    self.drop((*path, there), f"run.{here} was set by {origin}")
        part = path[-1:] if path[:2] == ("data", "parts") else path  # a section of its own
        word, only = DISCRIMINATORS.get(part, ("", None))
        if word not in new or word not in old or _same(old[word], new[word]):
            return
        if len(path) == 1 and only is None:
            self.fragments.pop(path[0], None)
        because = f"{'.'.join((*path, word))} became {brief(new[word])} by {origin}"
        for name in [only] if only else [name for name in old if name != word]:
            self.drop((*path, name), because)


def _same(old: Any, new: Any) -> bool:
    """Whether a discriminator stays what it is: DeepSpeed's names count in any case."""
    if isinstance(old, str) and isinstance(new, str):
        return old.casefold() == new.casefold()
    return bool(old == new)
