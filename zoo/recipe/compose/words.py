"""Words of the command line, and all that stands before the checks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.layout import working_directory
from zoo.recipe.compose.catalog import RECIPE, catalogs, catalogs_of_words, is_run, shown
from zoo.recipe.compose.fragments import PARTS, absolute, lay_section, schema_place
from zoo.recipe.compose.json_text import brief, parse, read_object
from zoo.recipe.compose.merge import UNSET, Composition
from zoo.recipe.compose.nearby import find_recipe
from zoo.recipe.compose.twin import lay_tiny_data, lay_tiny_kind, lay_tiny_model, lay_tiny_task
from zoo.recipe.compose.typed import WORD, Typed, by_sign, malformed
from zoo.recipe.provenance import TYPED, Key, Made, located, split_key
from zoo.recipe.spec.sections import SCORED, SECTIONS
from zoo.recipe.vocabulary.older import left_out
from zoo.recipe.vocabulary.optimizers import canonical
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

MOST_NAMES = 20
"""In a key; values are cut off at as many levels (see `json_text.parse`)."""


@dataclass(frozen=True)
class Asked:
    """What a recipe is composed of: a file, typed words, and words of the program's own.

    `first` and `last` are laid before and after those of the user: they may undo and be undone.
    `without` is a key that the file is read without.
    """

    path: str
    changes: tuple[str, ...] = ()
    tiny: bool = False
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    without: Key = ()


@dataclass(frozen=True)
class Composed:
    """A recipe before it is checked: the object, where its values are from, what is broken.

    `broken` are the faults of sections that could not be laid, and are looked at no further.
    """

    name: str
    made: Made
    asked: Asked
    composition: Composition
    broken: dict[str, list[Fault]]
    typed: Typed
    roots: tuple[Path, ...]

    @property
    def faults(self) -> list[Fault]:
        """All faults of composing, each once."""
        broken = [fault for faults in self.broken.values() for fault in faults]
        return list(dict.fromkeys([*broken, *self.typed.faults(self.composition)]))


def compose(asked: Asked) -> Composed:
    """Everything before the checks; only a file that cannot be read at all raises ConfigError."""
    file = find_recipe(asked.path)
    roots = catalogs(file.parent)
    composition = Composition(shown(file))
    broken: dict[str, list[Fault]] = {}
    of_run = _lay_file(composition, file, roots, broken)
    if asked.without:
        composition.remove(asked.without)
    if asked.tiny and not broken:
        with _noted(broken, "model"):
            lay_tiny_model(composition, roots)
        with _noted(broken, "task"):
            lay_tiny_kind(composition, roots)
    composition.take(("model", "tiny"))
    stem = file.parent.name if file.name == RECIPE else file.stem
    name = f"{stem}-tiny" if asked.tiny else stem
    made = Made(stem, asked.tiny, asked.changes, of_run)
    words_roots = catalogs_of_words(roots)
    composed = Composed(name, made, asked, composition, broken, Typed(), words_roots)
    for word in asked.first:
        lay_word(composed, word)
    for words in by_sign(asked.changes):
        lay_word(composed, *words, note=True)
    for word in asked.last:
        lay_word(composed, word)
    _normalise(composition.data)
    return composed


def _lay_file(
    composition: Composition,
    file: Path,
    roots: tuple[Path, ...],
    broken: dict[str, list[Fault]],
) -> bool:
    """Lay what a recipe's file says, and what it means; whether it is a run's own."""
    content = read_object(file)
    for section, value in content.items():
        with _noted(broken, section):
            if section == "$schema":
                value = schema_place(value, file.parent)
            lay_section(composition, section, value, (shown(file), file.parent), roots)
            composition.origins[(section,)] = shown(file)
    of_run = file.name == RECIPE and is_run(file.parent)
    if of_run and isinstance(composition.get(("run",)), dict):  # it goes on there, from anywhere
        composition.lay(("run", "folder"), str(file.parent), shown(file))
    for place, value in left_out(composition.get(("optimizer",))).items():
        composition.lay(("optimizer", *place), value, f"{shown(file)} (of an older version)")
    return of_run


@contextmanager
def _noted(broken: dict[str, list[Fault]], section: str) -> Iterator[None]:
    """Keeps the faults of a section, which is not looked at any further."""
    try:
        yield
    except ConfigError as error:
        broken.setdefault(section, []).extend(error.faults)


def lay_word(composed: Composed, word: str, *apart: str, note: bool = False) -> None:
    """Lay one word over a recipe; what is wrong with it is noted, and `note` says it was typed.

    `apart` are parts of it that were typed as words of their own.
    """
    key, equals, text = word.partition("=")
    section = key.split(".")[0]
    with _noted(composed.broken, section):
        if apart or not equals or not all(key.split(".")):
            raise ConfigError([malformed((word, *apart), composed.composition)])
        value = word_value(text, f"{TYPED}{word}")
        names = _names_of(composed.composition, key, value)
        if len(names) > MOST_NAMES:
            allowed = f"{WORD}, with at most {MOST_NAMES} names in the key"
            raise ConfigError([Fault("command line", "change", brief(word), allowed)])
        if len(names) == 1 and section in SECTIONS:
            _lay_section_word(composed, section, value, f"{TYPED}{word}")
        else:
            _lay_key_word(composed, names, value, f"{TYPED}{word}")
        if note:
            composed.typed.lay(word, names, value, composed.composition)


def _names_of(composition: Composition, key: str, value: Any) -> Key:
    """The names in a word's key: below a pattern of groups stand parameters, no objects."""
    if value == UNSET:
        return located(composition.data, key) or split_key(key)
    return split_key(key, ends_in_parameter=not isinstance(value, dict))


def _lay_section_word(composed: Composed, section: str, value: Any, origin: str) -> None:
    """A word for a whole section replaces it, and what was wrong with it; twins stay twins."""
    composition, roots = composed.composition, composed.roots
    place = (origin, working_directory())
    if section in SCORED:
        composition.drop(("run", "expected"), f"{section} was replaced by {origin}")
    composed.broken.pop(section, None)
    composition.fragments.pop(section, None)
    if value == UNSET:
        composition.lay((section,), value, origin)
        return
    composition.remove((section,))
    rest: dict[str, Any] = {}
    if composed.asked.tiny and isinstance(value, dict) and "base" in value:
        rest = {name: part for name, part in value.items() if name != "base"}
        value = value["base"]
    lay_section(composition, section, value, place, roots)
    if composed.asked.tiny and section == "model":
        lay_tiny_model(composition, roots)
    if composed.asked.tiny and section == "task" and isinstance(value, str):
        lay_tiny_task(composition, roots)
    if composed.asked.tiny and section == "data":
        lay_tiny_data(composition, roots)
    if rest:
        lay_section(composition, section, rest, place, roots)
    composition.take(("model", "tiny"))
    composition.origins[(section,)] = origin


def _lay_key_word(composed: Composed, names: Key, value: Any, origin: str) -> None:
    """A word for one key of a section: objects merge, everything else replaces."""
    composition, section, key = composed.composition, names[0], ".".join(names)
    if names[1:] == ("base",):
        raise ConfigError([Fault(origin, key, brief(value), f"{section}=NAME takes a fragment")])
    if value == {} and composition.get(names):
        allowed = f"some keys in it; {key}={UNSET} takes away what stands there"
        found = "{}, which changes nothing: objects merge"
        raise ConfigError([Fault(origin, key, found, allowed, f"{key}={UNSET}")])
    if names == ("$schema",):
        value = schema_place(value, working_directory())
    if names[:2] == PARTS and len(names) < 5 and value != UNSET:
        _lay_parts_word(composed, names, value, origin)
        return
    if (len(names) == 2 or (names[:2] == PARTS and len(names) == 5)) and value != UNSET:
        value = absolute(section, {names[-1]: value}, working_directory())[names[-1]]
    composition.lay(names[:-1], {names[-1]: value}, origin)


def _lay_parts_word(composed: Composed, names: Key, value: Any, origin: str) -> None:
    """A word for the parts of a mixture or for one of them, which may name fragments."""
    composition, said = composed.composition, value
    for name in reversed(names[1:]):
        said = {name: said}
    place = (origin, working_directory())
    lay_section(composition, names[0], said, place, composed.roots)
    if composition.get(names) is not None:
        composition.origins[names] = origin
    if composed.asked.tiny and names[3:] in ((), ("data",)):
        lay_tiny_data(composition, composed.roots)


def word_value(text: str, origin: str) -> Any:
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
        _say_warmup_type(optimizer.get("scheduler"))
    if isinstance(parallel, dict) and isinstance(parallel.get("zero"), dict):
        parallel["zero"] = {"stage": 0, **parallel["zero"]}


def _say_warmup_type(scheduler: Any) -> None:
    """Write how a schedule warms up where it has a default, as an older version had another."""
    if not isinstance(scheduler, dict) or not isinstance(scheduler.get("type"), str):
        return
    entry = SCHEDULERS.get(scheduler["type"])
    shape = entry.parameters.get("warmup_type") if entry else None
    params = scheduler.setdefault("params", {})
    if shape is not None and shape.default is not None and isinstance(params, dict):
        params.setdefault("warmup_type", shape.default)
