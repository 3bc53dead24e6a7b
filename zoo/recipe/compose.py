"""How files and words become one object: fragments, bases, deep merge, origins of values."""

import copy
import difflib
import os
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.recipe.catalog import FOLDERS, fragment, fragments, shown
from zoo.recipe.read import brief, read_object
from zoo.recipe.spec import Drop

Key = tuple[str, ...]

# Changing the discriminator (second) of the object at the first drops these keys; None: all others.
RESTARTS: dict[Key, tuple[str, str | None]] = {
    ("task",): ("kind", None),
    ("parallel", "compression"): ("kind", None),
    ("data",): ("source", None),
    ("model", "config"): ("model_type", None),
    ("optimizer",): ("type", "params"),
    ("optimizer", "scheduler"): ("type", "params"),
}
FOLDER_KEYS = {"data": ("folder", "cache"), "run": ("folder",)}
NAME_KEYS = {"model": ("name", "weights", "tokenizer")}


class Composition:
    """An object under construction; every value remembers the file or word that wrote it."""

    def __init__(self, file: str) -> None:
        self.data: dict[str, Any] = {}
        self.origins: dict[Key, str] = {(): file}
        self.drops: list[Drop] = []
        self.fragments: dict[str, str] = {}

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
        """Lay a value over what stands at `path`: objects merge, everything else replaces."""
        if not isinstance(value, dict):
            self._put(path, copy.deepcopy(value), origin)
            return
        if isinstance(self.get(path), dict):
            self._restart(path, value, origin)
        else:
            self._put(path, {}, origin)
        for name, part in value.items():
            self.lay((*path, name), part, origin)

    def drop(self, path: Key, because: str) -> None:
        """Take away what stands at `path` and remember that it was there."""
        around = self.get(path[:-1])
        if isinstance(around, dict) and path[-1] in around:
            self.drops.append(Drop(path, around[path[-1]], self.origin(path), because))
            self.remove(path)

    def remove(self, path: Key) -> None:
        """Take away what stands at `path`."""
        around = self.get(path[:-1])
        if isinstance(around, dict):
            around.pop(path[-1], None)
        self._forget(path)

    def _forget(self, path: Key) -> None:
        for known in [known for known in self.origins if known[: len(path)] == path]:
            del self.origins[known]

    def _put(self, path: Key, value: Any, origin: str) -> None:
        self._forget(path)  # and not remove: a replaced key keeps its place, groups have an order
        around = self.get(path[:-1])
        if not isinstance(around, dict):
            self._put(path[:-1], {}, origin)
            around = self.get(path[:-1])
        around[path[-1]] = value
        self.origins[path] = origin

    def _restart(self, path: Key, new: dict[str, Any], origin: str) -> None:
        old: dict[str, Any] = self.get(path)
        if path == ("run",):
            for here, there in (("steps", "epochs"), ("epochs", "steps")):
                if here in new and there not in new:
                    self.drop((*path, there), f"run.{here} was set by {origin}")
        word, only = RESTARTS.get(path, ("", None))
        if word not in new or word not in old or _same(old[word], new[word]):
            return
        if len(path) == 1 and only is None:
            self.fragments.pop(path[0], None)
        because = f"{'.'.join((*path, word))} became {brief(new[word])} by {origin}"
        for name in [only] if only else [name for name in old if name != word]:
            self.drop((*path, name), because)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, str) and isinstance(new, str):
        return old.casefold() == new.casefold()
    return bool(old == new)


def lay_section(
    into: Composition, section: str, value: Any, where: tuple[str, Path], roots: tuple[Path, ...]
) -> None:
    """Lay a section as a file or word writes it: a fragment's name, or an object (with a base).

    `where` is who wrote it and the folder its relative paths start from. A name replaces what
    stood there. Raises ConfigError for a fragment that is missing or broken.
    """
    origin, folder = where
    path = (section,)
    if isinstance(value, str) or (isinstance(value, dict) and "base" in value):
        into.fragments[section] = str(value if isinstance(value, str) else value["base"])
    if isinstance(value, str) and section in FOLDERS:
        file, content = _fragment(section, value, section, origin, roots)
        into.remove(path)
        into.lay(path, absolute(section, content, file.parent), shown(file))
        return
    if isinstance(value, dict) and "base" in value and section in FOLDERS:
        key = f"{section}.base"
        file, content = _fragment(section, value["base"], key, origin, roots)
        into.remove(path)
        into.lay(path, absolute(section, content, file.parent), shown(file))
        value = {name: part for name, part in value.items() if name != "base"}
    into.lay(path, absolute(section, value, folder), origin)


def _fragment(
    section: str, name: Any, key: str, origin: str, roots: tuple[Path, ...]
) -> tuple[Path, dict[str, Any]]:
    names = fragments(section, roots)
    file = fragment(section, name, roots) if isinstance(name, str) else None
    if file is None:
        allowed = f"an object, or a fragment: {', '.join(names) or 'there is none'}"
        near = difflib.get_close_matches(name, names, 1) if isinstance(name, str) else []
        raise ConfigError([Fault(origin, key, brief(name), allowed, near[0] if near else "")])
    content = read_object(file)
    if "base" in content:
        found = brief(content["base"])
        allowed = "no base: a fragment stands alone, a recipe's section may name one"
        raise ConfigError([Fault(shown(file), "base", found, allowed)])
    return file, {k: v for k, v in content.items() if k not in ("$schema", "description")}


def absolute(section: str, value: Any, folder: Path) -> Any:
    """A section with its relative paths made absolute, starting from `folder`."""
    if not isinstance(value, dict):
        return value
    done = dict(value)
    for key in FOLDER_KEYS.get(section, ()):
        if isinstance(done.get(key), str) and done[key]:
            done[key] = _path(done[key], folder)
    for key in NAME_KEYS.get(section, ()):
        if isinstance(done.get(key), str) and done[key].startswith((".", "/", "~")):
            done[key] = _path(done[key], folder)
    if section == "model" and "tiny" in done:
        done["tiny"] = absolute(section, done["tiny"], folder)
    return done


def _path(text: str, folder: Path) -> str:
    home = Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)
    # Not Path.resolve: a symbolic link that the user wrote stays as written.
    return os.path.normpath(folder / home)
