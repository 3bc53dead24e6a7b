"""Words of the command line, and all that stands before the checks."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault, collected
from zoo.layout import working_directory
from zoo.recipe.compose.catalog import RECIPE, catalogs, find_recipe, is_run, shown
from zoo.recipe.compose.fragments import absolute, lay_section
from zoo.recipe.compose.json_text import brief, parse, read_object
from zoo.recipe.compose.merge import Composition
from zoo.recipe.compose.twin import lay_tiny_kind, lay_tiny_model
from zoo.recipe.provenance import Made, split_key
from zoo.recipe.spec.sections import SECTIONS
from zoo.recipe.vocabulary.optimizers import canonical
from zoo.recipe.vocabulary.parameters import Node
from zoo.recipe.vocabulary.tables import table

WORD = "section.key=value"
MOST_NAMES = 20
"""In a key; values are cut off at as many levels (see `json_text.parse`)."""


@dataclass(frozen=True)
class Composed:
    """A recipe before it is checked: the object, where its values are from, what is broken."""

    name: str
    made: Made
    composition: Composition
    faults: list[Fault]
    broken: set[str]


def compose(path: str | Path, changes: Sequence[str] = (), tiny: bool = False) -> Composed:
    """Everything before the checks; only a file that cannot be read at all raises ConfigError."""
    file = find_recipe(str(path))
    content = read_object(file)
    roots = catalogs(file.parent)
    composition = Composition(shown(file))
    faults: list[Fault] = []
    broken: set[str] = set()
    for section, value in content.items():
        with _section_collected(faults, broken, section):
            lay_section(composition, section, value, (shown(file), file.parent), roots)
            composition.origins[(section,)] = shown(file)
    of_run = file.name == RECIPE and is_run(file.parent)
    if of_run and isinstance(composition.get(("run",)), dict):  # it goes on there, from anywhere
        composition.lay(("run", "folder"), str(file.parent), shown(file))
    if tiny and not faults:
        with _section_collected(faults, broken, "model"):
            lay_tiny_model(composition, roots)
        with _section_collected(faults, broken, "task"):
            lay_tiny_kind(composition, roots)
    composition.remove(("model", "tiny"))
    for word in changes:
        with _section_collected(faults, broken, word.split("=")[0].split(".")[0]):
            _lay_word(composition, word, roots, tiny)
    _normalise(composition.data)
    stem = file.parent.name if file.name == RECIPE else file.stem
    made = Made(stem, tiny, tuple(changes), of_run)
    return Composed(f"{stem}-tiny" if tiny else stem, made, composition, faults, broken)


@contextmanager
def _section_collected(faults: list[Fault], broken: set[str], section: str) -> Iterator[None]:
    """Keeps the faults of a section, which is not looked at any further."""
    with collected(faults):
        try:
            yield
        except ConfigError:
            broken.add(section)
            raise


def _lay_word(composition: Composition, word: str, roots: tuple[Path, ...], tiny: bool) -> None:
    """Lay one word over what stands; ConfigError if it is none, or names what is not there."""
    key, equals, text = word.partition("=")
    names = split_key(key)
    origin = f"command line: {word}"
    if not equals or not all(names):
        raise ConfigError([Fault("command line", "change", brief(word), WORD)])
    if len(names) > MOST_NAMES:
        allowed = f"{WORD}, with at most {MOST_NAMES} names in the key"
        raise ConfigError([Fault("command line", "change", brief(word), allowed)])
    value = _word_value(text, origin)
    section, here = names[0], working_directory()
    if len(names) == 1 and section in SECTIONS:
        composition.remove((section,))
        composition.fragments.pop(section, None)
        lay_section(composition, section, value, (origin, here), roots)
        if section == "model" and tiny:
            lay_tiny_model(composition, roots)
        composition.remove(("model", "tiny"))
        composition.origins[(section,)] = origin
        return
    if names[1:] == ("base",):
        raise ConfigError([Fault(origin, key, brief(value), f"{section}=NAME takes a fragment")])
    if len(names) == 2:
        value = absolute(section, {names[1]: value}, here)[names[1]]
    composition.lay(names[:-1], {names[-1]: value}, origin)


def _word_value(text: str, origin: str) -> Any:
    """The value of a word: JSON, or else the text itself."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return parse(text, origin)


def _normalise(data: dict[str, Any]) -> None:
    """One spelling for what may be written in several ways."""
    optimizer, parallel = data.get("optimizer"), data.get("parallel")
    if isinstance(optimizer, dict):
        if isinstance(optimizer.get("type"), str):
            optimizer["type"] = canonical(optimizer["type"])
        if optimizer.get("scheduler") is False:
            del optimizer["scheduler"]
    if isinstance(parallel, dict) and isinstance(parallel.get("zero"), dict):
        parallel["zero"] = {"stage": 0, **_whole_counts(parallel["zero"], table("zero"))}


def _whole_counts(values: dict[str, Any], nodes: dict[str, Node]) -> dict[str, Any]:
    """DeepSpeed's files write counts as 5e8: where its table has integers, so has the recipe."""
    found = dict(values)
    for name, value in values.items():
        node = nodes.get(name, {})
        if isinstance(value, dict):
            found[name] = _whole_counts(value, node.get("properties", {}))
        counts = node.get("type", "integer") == "integer"  # stages are an enum, without a type
        if counts and isinstance(value, float) and value.is_integer():
            found[name] = int(value)
    return found
