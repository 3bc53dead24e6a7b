"""A section as files and words write it: a fragment's name, or an object with a base."""

import os
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault, near
from zoo.recipe.compose.catalog import fragment, fragments, shown
from zoo.recipe.compose.json_text import brief, read_object
from zoo.recipe.compose.merge import UNSET, Composition
from zoo.recipe.provenance import Key
from zoo.recipe.spec.sections import FOLDERS
from zoo.recipe.spec.words import is_url

FOLDER_KEYS = {"data": ("folder", "cache"), "optimizer": ("state",), "run": ("folder",)}
"""Keys that are paths whatever they look like."""
PARTS: Key = ("data", "parts")
"""Where the parts of a mixture stand, of which each holds a section `data`."""
NAME_KEYS = {"model": ("name", "weights", "tokenizer", "chat_template")}
"""Keys that are paths if they look like one: `.`, `/` or `~` first."""


def lay_section(
    into: Composition,
    section: str,
    value: Any,
    where: tuple[str, Path],
    roots: tuple[Path, ...],
    at: Key = (),
) -> None:
    """Lay a section as a file or word writes it: a fragment's name, or an object (with a base).

    `where` is who wrote it and the folder its relative paths start from. A name replaces what
    stood there. `at` is where it is laid, if not at the top: a part of a mixture is a section of
    its own. Raises ConfigError for a fragment that is missing or broken.
    """
    origin, path = where[0], at or (section,)
    named = isinstance(value, str) or (isinstance(value, dict) and "base" in value)
    if named and not at:
        into.fragments[section] = str(value if isinstance(value, str) else value["base"])
    if named and section in FOLDERS:
        whole = isinstance(value, str)
        key = ".".join(path if whole else (*path, "base"))
        file, content = _fragment(section, value if whole else value["base"], key, origin, roots)
        into.remove(path)
        _lay_object(into, section, content, (shown(file), file.parent), roots, path)
        if whole:
            return
        value = {name: part for name, part in value.items() if name != "base"}
    _lay_object(into, section, value, where, roots, path)


def _lay_object(
    into: Composition,
    section: str,
    value: Any,
    where: tuple[str, Path],
    roots: tuple[Path, ...],
    path: Key,
) -> None:
    """Lay what a section says, and the parts of a mixture one by one: each may name a fragment."""
    origin, folder = where
    parts = by_name(value.get("parts")) if path == PARTS[:1] and isinstance(value, dict) else None
    if parts is None:
        into.lay(path, absolute(section, value, folder), origin)
        return
    rest = {name: part for name, part in value.items() if name != "parts"}
    into.lay(path, absolute(section, rest, folder), origin)
    if isinstance(value["parts"], list):
        into.lay(PARTS, 0, origin)  # a list replaces what stood there
    into.lay(PARTS, {}, origin)
    for name, part in parts.items():
        inner = part.get("data") if isinstance(part, dict) else None
        if not isinstance(inner, dict | str) or inner == UNSET:
            into.lay((*PARTS, name), part, origin)
        else:
            own = {key: one for key, one in part.items() if key != "data"}
            into.lay((*PARTS, name), own, origin)
            lay_section(into, section, inner, where, roots, (*PARTS, name, "data"))


def by_name(parts: Any) -> dict[str, Any] | None:
    """The parts of a mixture by their names; None if they are neither objects nor a list of them.

    A part of a list is called by its `name`, else by its fragment's, else by its number.
    """
    if isinstance(parts, dict):
        return parts
    if not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
        return None
    found: dict[str, Any] = {}
    for number, part in enumerate(parts):
        data = part.get("data")
        base = data.get("base") if isinstance(data, dict) else data
        name = next((one for one in (part.get("name"), base) if isinstance(one, str)), str(number))
        name = name.replace(".", "-").replace("/", "-")
        name = f"{name}-{number}" if name in found else name
        found[name] = {key: one for key, one in part.items() if key != "name"}
    return found


def _fragment(
    section: str, name: Any, key: str, origin: str, roots: tuple[Path, ...]
) -> tuple[Path, dict[str, Any]]:
    """A fragment's file and what it says; ConfigError naming `key` if there is none."""
    names = fragments(section, roots)
    file = fragment(section, name, roots) if isinstance(name, str) else None
    if file is None:
        allowed = f"an object, or a fragment: {', '.join(names) or 'there is none'}"
        spelled = near(name, names) if isinstance(name, str) else ""
        word = f"{key.removesuffix('.base')}={spelled}" if spelled else ""
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
