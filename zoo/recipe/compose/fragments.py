"""A section as files and words write it: a fragment's name, or an object with a base."""

import os
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault, near
from zoo.recipe.compose.catalog import fragment, fragments, shown
from zoo.recipe.compose.json_text import brief, read_object
from zoo.recipe.compose.merge import Composition
from zoo.recipe.spec.sections import FOLDERS
from zoo.recipe.spec.words import is_url

FOLDER_KEYS = {"data": ("folder", "cache"), "optimizer": ("state",), "run": ("folder",)}
"""Keys that are paths whatever they look like."""
NAME_KEYS = {"model": ("name", "weights", "tokenizer")}
"""Keys that are paths if they look like one: `.`, `/` or `~` first."""


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
    """A fragment's file and what it says; ConfigError naming `key` if there is none."""
    names = fragments(section, roots)
    file = fragment(section, name, roots) if isinstance(name, str) else None
    if file is None:
        allowed = f"an object, or a fragment: {', '.join(names) or 'there is none'}"
        spelled = near(name, names) if isinstance(name, str) else ""
        word = f"{section}={spelled}" if spelled else ""
        raise ConfigError([Fault(origin, key, brief(name), allowed, word)])
    content = read_object(file)
    if "base" in content:
        found = brief(content["base"])
        allowed = "no base: a fragment stands alone, a recipe's section may name one"
        raise ConfigError([Fault(shown(file), "base", found, allowed)])
    return file, {k: v for k, v in content.items() if k not in ("$schema", "description")}


def absolute(section: str, value: Any, folder: Path) -> Any:
    """A section with its relative paths made absolute, starting from `folder`.

    `~nobody` stays as it is, for the checks to refuse.
    """
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


def schema_place(value: Any, folder: Path) -> Any:
    """`$schema` as it stands in an expanded recipe, which may lie elsewhere."""
    relative = isinstance(value, str) and value.startswith(".")
    return _path(value, folder) if relative else value


def _path(text: str, folder: Path) -> str:
    """A path as it stands in an expanded recipe; a URL is what it is."""
    if is_url(text):
        return text
    try:
        home = Path(text).expanduser()
    except (RuntimeError, ValueError):
        return text
    # Not Path.resolve: a symbolic link that the user wrote stays as written.
    return os.path.normpath(folder / home)
