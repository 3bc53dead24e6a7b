"""From a file and words of the command line to a Recipe, or to every fault at once."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault, collected
from zoo.recipe.catalog import FOLDERS, catalogs, find_recipe, shown
from zoo.recipe.compose import Composition, Key, absolute, lay_section
from zoo.recipe.keys import RULED_BY_ANOTHER, UNKNOWN, key_faults, without_unknown
from zoo.recipe.maps import map_faults
from zoo.recipe.optimizers import canonical
from zoo.recipe.read import brief, parse, read_object
from zoo.recipe.rules import rule_faults
from zoo.recipe.spec import Provenance, Recipe
from zoo.recipe.tiny import lay_tiny_kind, lay_tiny_model

SECTIONS = (*FOLDERS, "run")
WORD = "section.key=value"


@dataclass(frozen=True)
class Composed:
    """A recipe before it is checked: the object, where its values are from, what is broken."""

    name: str
    composition: Composition
    faults: list[Fault]
    broken: set[str]


def load_recipe(path: str | Path, changes: Sequence[str] = (), tiny: bool = False) -> Recipe:
    """Read a recipe, expand, change and check it: ring 1.

    `path` is a file, a run's folder or the name of a recipe of the shipped catalog; `changes` are
    `section.key=value` words, applied left to right; `tiny` lays the twin over it before them.
    Raises ConfigError with every fault.
    """
    composed = compose(path, changes, tiny)
    composition = composed.composition
    faults = list(composed.faults)
    recipe, wrong = key_faults(composition.data, composition.origin)
    maps = map_faults(composition.data, composition.origin)
    said = {fault.key for fault in maps}
    found = maps + [fault for fault in wrong if fault.key not in said]
    faults += [fault for fault in found if _section(fault) not in composed.broken]
    faults += _broken_rules(composition, maps)
    if faults or recipe is None:
        raise ConfigError(faults)
    recipe._provenance = Provenance(
        composed.name,
        composition.origins,
        tuple(composition.drops),
        composition.fragments,
    )
    return recipe


def _broken_rules(composition: Composition, maps: list[Fault]) -> list[Fault]:
    """The rules see a recipe without its unknown keys, and not the sections with wrong values."""
    data = without_unknown(composition.data)
    for fault in maps:
        *above, last = split_key(fault.key)
        place: Any = data
        for name in above:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    recipe, _ = key_faults(data, composition.origin)
    wrong = {_section(fault) for fault in maps if fault.found not in (UNKNOWN, RULED_BY_ANOTHER)}
    broken = rule_faults(recipe, composition.origin) if recipe else []
    return [fault for fault in broken if _section(fault) not in wrong]


def faults_at_length(recipe: Recipe, steps: int) -> list[Fault]:
    """What the rules say once data have told how many steps the epochs of a recipe are."""
    run = recipe.run.model_copy(update={"steps": steps, "epochs": None})
    known = recipe.model_copy(update={"run": run})
    return rule_faults(known, lambda path: origin_of(recipe, path))


def _section(fault: Fault) -> str:
    return fault.key.split(".")[0]


def expanded(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a JSON-ready object without fragments and relative paths; loads to an equal."""
    return _spoken(recipe.model_dump(mode="json", by_alias=True), ())


def _spoken(value: dict[str, Any], path: Key) -> dict[str, Any]:
    """Without the keys that are absent; null in `model.config` and `model.processor` is a value."""
    open_map = path in (("model", "config"), ("model", "processor"))
    return {
        name: _spoken(part, (*path, name)) if isinstance(part, dict) and not open_map else part
        for name, part in value.items()
        if part is not None or open_map
    }


def origin(recipe: Recipe, key: str) -> str:
    """The file, or `command line: word`, that a value (or the object around it) came from."""
    return origin_of(recipe, split_key(key))


def origin_of(recipe: Recipe, path: Key) -> str:
    """The same for a path of names, which may hold dots."""
    origins = recipe.provenance.origins
    while path and path not in origins:
        path = path[:-1]
    return origins.get(path, "recipe")


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
    if tiny and not faults:
        with _section_collected(faults, broken, "model"):
            lay_tiny_model(composition, roots)
        with _section_collected(faults, broken, "task"):
            lay_tiny_kind(composition, roots)
    composition.remove(("model", "tiny"))
    for word in changes:
        with _section_collected(faults, broken, word.split("=")[0].split(".")[0]):
            _lay_word(composition, word, roots, tiny)
    _settle(composition.data)
    stem = file.parent.name if file.name == "recipe.json" else file.stem
    return Composed(f"{stem}-tiny" if tiny else stem, composition, faults, broken)


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
    key, equals, text = word.partition("=")
    names = split_key(key)
    origin = f"command line: {word}"
    if not equals or not all(names):
        raise ConfigError([Fault("command line", "change", brief(word), WORD)])
    value = _word_value(text, origin)
    section, here = names[0], Path.cwd()
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
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return parse(text, origin)


def split_key(key: str) -> Key:
    """The names in a dotted key; a pattern of `optimizer.groups` keeps its dots."""
    start = "optimizer.groups."
    if key.startswith(start):
        pattern, _, last = key.removeprefix(start).rpartition(".")
        return ("optimizer", "groups", pattern, last) if pattern else ("optimizer", "groups", last)
    return tuple(key.split("."))


def _settle(data: dict[str, Any]) -> None:
    """One spelling for what may be written in several ways."""
    optimizer, parallel = data.get("optimizer"), data.get("parallel")
    if isinstance(optimizer, dict):
        if isinstance(optimizer.get("type"), str):
            optimizer["type"] = canonical(optimizer["type"])
        if optimizer.get("scheduler") is False:
            del optimizer["scheduler"]
    if isinstance(parallel, dict) and isinstance(parallel.get("zero"), dict):
        parallel["zero"] = {"stage": 0, **parallel["zero"]}
