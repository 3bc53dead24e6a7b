"""A draft as a JSON file with comments, written beside and then renamed."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.provenance import Key

_WIDTH = 100


def as_text(sections: Mapping[str, Any], why: Mapping[Key, str], first: str) -> str:
    """The file's text: `first` above it, and each reason above its key."""
    body = _object(sections, (), why, 0)
    return f"// {first}\n{body}\n"


def _object(value: Mapping[str, Any], path: Key, why: Mapping[Key, str], depth: int) -> str:
    """An object, a key a line; one without reasons in it on a line of its own where it fits."""
    inside = "  " * (depth + 1)
    lines = []
    names = list(value)
    for name in names:
        key = (*path, name)
        if key in why:
            lines.append(f"{inside}// {why[key]}")
        comma = "" if name == names[-1] else ","
        lines.append(
            f"{inside}{json.dumps(name)}: {_value(value[name], key, why, depth + 1)}{comma}"
        )
    return "\n".join(["{", *lines, "  " * depth + "}"])


def _value(value: Any, key: Key, why: Mapping[Key, str], depth: int) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or not value:
        return text
    has_reasons = any(known[: len(key)] == key and known != key for known in why)
    if has_reasons or len(text) + 2 * depth + len(key[-1]) + 5 > _WIDTH:
        return _object(value, key, why, depth)
    return text


def refuse_if_there(path: Path, force: bool) -> None:
    """Raises ConfigError where a file of the name is there, or it cannot be a recipe's."""
    if path.suffix != ".json":
        found, allowed = str(path), "a name that ends in .json"
        raise ConfigError([Fault("command line", "FILE", found, allowed, f"{path}.json")])
    if path.is_dir() or (path.exists() and not force):
        allowed = "a name that is free, or --force, which keeps the old one under another name"
        free = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
        way = shlex.quote(str(next(one for one in free if not one.exists())))
        raise ConfigError([Fault("command line", "FILE", f"{path}, which is there", allowed, way)])
    if not path.absolute().parent.is_dir():
        allowed, way = "a file in a folder that is there", shlex.quote(path.name)
        raise ConfigError([Fault("command line", "FILE", str(path), allowed, way)])


def write(path: Path, text: str) -> tuple[Recipe, Path | None]:
    """Writes the file and reads it as every verb will: (the recipe, where an older file went).

    What the checks refuse is not left there: raises ConfigError with their faults.
    """
    with _written_beside(path, text) as beside:
        try:
            recipe = load_recipe(beside)
        except ConfigError as error:
            faults = [_named(fault, beside.name, path.name) for fault in error.faults]
            raise ConfigError(faults) from None
        return recipe, _put_in_place(beside, path)


def write_anyway(path: Path, text: str) -> tuple[list[Fault], Path | None]:
    """Writes a file that may lack something: (what the checks say of it, where an older one went).

    Raises ConfigError where it cannot be written.
    """
    with _written_beside(path, text) as beside:
        older = _put_in_place(beside, path)
    try:
        load_recipe(path)
    except ConfigError as error:
        return list(error.faults), older
    return [], older


@contextmanager
def _written_beside(path: Path, text: str) -> Iterator[Path]:
    """A file beside `path` with this text, which is taken away if it was not put in its place.

    Raises ConfigError where none can be written.
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}.json")
    try:
        beside.write_text(text, encoding="utf-8")
        yield beside
    except OSError as error:
        found = f"{path} ({error.strerror})"
        raise ConfigError([Fault("command line", "FILE", found, "a file to write")]) from None
    finally:
        beside.unlink(missing_ok=True)


def _named(fault: Fault, beside: str, name: str) -> Fault:
    """A fault of the file under the name that it was to have."""
    file = fault.file.replace(beside, name)
    return Fault(file, fault.key, fault.found, fault.allowed, fault.nearest)


def _put_in_place(beside: Path, path: Path) -> Path | None:
    """Renames the new file; an older one before, to a free name: what that is."""
    older = _kept(path) if path.exists() else None
    beside.rename(path)
    return older


def _kept(path: Path) -> Path:
    """Renames a file to a free name beside it."""
    number = 1
    while (free := path.with_name(f"{path.stem}.{number}{path.suffix}.old")).exists():
        number += 1
    path.rename(free)
    return free
