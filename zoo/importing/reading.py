"""Files of other tools as flat keys and values, and which tool's they are."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import ConfigError, Fault, near
from zoo.importing.command import is_command, parsed_command
from zoo.importing.dialects.all import DIALECTS
from zoo.importing.dialects.values import listed
from zoo.importing.word import OFF, How, found
from zoo.recipe.compose.json_text import parse

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
"""What YAML 1.1 takes for a text where it has no dot: 2e-5."""


@dataclass(frozen=True)
class Source:
    """One file, or a command line: its name, whose words it speaks, and its leaves."""

    name: str
    dialect: str
    leaves: Mapping[str, Any]
    folder: Path
    """Where files that it names are looked for, after the working directory."""
    named: Mapping[str, tuple[How, str]] = field(default_factory=dict)
    """What became of the files that it names, by the key that does."""


def read(path: Path) -> Source:
    """A file as leaves; raises ConfigError where it cannot be read, or is nobody's."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "bytes that are not UTF-8"
        allowed = "a JSON, a YAML or a command line in UTF-8"
        raise ConfigError([Fault(str(path), "file", what, allowed)]) from None
    if is_command(text):
        return Source(str(path), "command", parsed_command(text, str(path)), Path())
    leaves = dict(leaves_of(_value(text, str(path))))
    return Source(str(path), dialect_of(leaves, str(path)), leaves, path.parent)


def read_command(text: str) -> Source:
    """A command line as leaves; raises ConfigError where it names no script."""
    return Source("--command", "command", parsed_command(text, "--command"), Path())


def with_named(source: Source, given: Collection[Path]) -> list[Source]:
    """A file after those that it names, each once; `given` are read anyway.

    Raises ConfigError where one of them cannot be read, or is nobody's.
    """
    source, inner = _opened(source)
    words, named = DIALECTS[source.dialect].words, dict(source.named)
    for key, value in source.leaves.items():
        word = found(words, key)
        if word is None or not word[0].file or not isinstance(value, str) or value in OFF:
            continue
        places = (Path(value), source.folder / value)
        file = next((place for place in places if place.is_file()), None)
        if file is None:
            named[key] = ("not possible", "no such file: give it to zoo import as well")
        elif file.resolve() in given:
            named[key] = ("derived", "it is read as well")
        else:
            inner += with_named(read(file), [*given, file.resolve()])
            told = "it" if str(file) == value else str(file)
            named[key] = ("derived", f"{told} is read as well")
    return [*inner, replace(source, named=named)]


def _opened(source: Source) -> tuple[Source, list[Source]]:
    """A file without what stands for others within it, and those: an object where a file's name
    may stand, and the sets of a registry that it calls by name.
    """
    words = DIALECTS[source.dialect].words
    rest, within = dict(source.leaves), dict[str, dict[str, Any]]()
    for key in source.leaves:
        outer, _, below = key.partition(".")
        if below and found(words, key) is None and outer in words and words[outer].file:
            within.setdefault(outer, {})[below] = rest.pop(key)
    inner = [
        Source(f"{source.name}: {outer}", dialect_of(leaves, source.name), leaves, source.folder)
        for outer, leaves in within.items()
    ]
    return replace(source, leaves=rest), [*inner, *_registered(source)]


def _registered(source: Source) -> list[Source]:
    """The sets of LLaMA-Factory's registry that its file names, where that registry is."""
    names = source.leaves.get("dataset") if source.dialect == "llama-factory" else None
    folder = Path(str(source.leaves.get("dataset_dir", "data")))
    places = [one / "dataset_info.json" for one in (folder, source.folder / folder)]
    file = next((one for one in places if one.is_file()), None)
    if not isinstance(names, str | list) or file is None:
        return []
    known = _value(file.read_text(encoding="utf-8"), str(file))
    leaves: dict[str, Any] = {}
    for name in listed(names):
        said = known.get(name)
        if not isinstance(said, dict):
            allowed = f"a name of {file}: {', '.join(known)}"
            raise ConfigError([Fault(source.name, "dataset", name, allowed, near(name, known))])
        whole = {"formatting": "alpaca", **said}
        if "file_name" in whole:
            whole["file_name"] = str(file.parent / str(whole["file_name"]))
        leaves |= leaves_of(whole, (name,))
    return [Source(str(file), "dataset-info", leaves, file.parent)]


def _value(text: str, name: str) -> dict[str, Any]:
    if text.lstrip()[:1] in ("{", "/"):
        value = parse(text, name)
    else:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1} column {mark.column + 1}" if mark else "YAML"
            what = getattr(error, "problem", None) or "what is no YAML"
            raise ConfigError([Fault(name, where, what, "YAML")]) from None
    if not isinstance(value, dict) or not value:
        allowed = "an object with keys, or a command line with a script (run_clm.py --...)"
        raise ConfigError([Fault(name, "file", type(value).__name__, allowed)])
    return value


def leaves_of(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; the objects of a list are numbered from 0."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves_of(part, (*path, str(name)))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for number, part in enumerate(value):
            yield from leaves_of(part, (*path, str(number)))
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        yield ".".join(path), float(value)
    else:
        yield ".".join(path), value


def dialect_of(leaves: Mapping[str, Any], name: str) -> str:
    """Whose words the keys are: first by telling keys, then by how many are known."""
    roots = {key.split(".")[0] for key in leaves}
    scores = {
        kind: (
            len(roots & set(entry.marks)),
            sum(found(entry.words, key) is not None for key in leaves) / len(leaves),
        )
        for kind, entry in DIALECTS.items()
    }
    best = max(scores, key=lambda kind: scores[kind])
    if scores[best][0] == 0 and scores[best][1] < 0.5:
        known = ", ".join(entry.title for entry in DIALECTS.values())
        raise ConfigError([Fault(name, "file", f"the keys {', '.join(sorted(roots)[:6])}", known)])
    return best
