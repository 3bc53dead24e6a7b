"""Opens the data section of a recipe: the rows of every split, their labels, all faults at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from zoo.data.cache import cache_root
from zoo.data.corrupt import CorruptLimit, none_readable
from zoo.data.faults import Faults
from zoo.data.filtering.filter import columns_beside, filtered
from zoo.data.filtering.values import Tokens
from zoo.data.joined import Mixed, concatenated
from zoo.data.labels import Split, labelled
from zoo.data.rows import Rows, Subset
from zoo.data.section import Section, drawn_of, named_sets
from zoo.data.sources.opened import Opened, SplitReader, Wanted
from zoo.errors import collected
from zoo.recipe import Recipe
from zoo.recipe.instead import built_in_data
from zoo.recipe.spec.data import MixtureData, OneSource, sections
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.recipe.vocabulary.named import named


@dataclass(frozen=True)
class Source:
    """Rows by split, and the class names in id order where rows have labels."""

    train: Rows
    valid: dict[str, Rows]
    test: dict[str, Rows]
    labels: tuple[str, ...] | None
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By set, those of a mixture's parts as `train PART`: how many rows each rule of `data.filter`
    (`COLUMN.CONDITION`) and `deduplicate` let go."""


def open_source(recipe: Recipe, with_train: bool = True, tokens: Tokens | None = None) -> Source:
    """Opens what `recipe.data` names; nothing is decoded yet.

    A single validation or test set is called "valid" or "test", several by their own names. Without
    `with_train` the train split is not opened, where no other is cut from it: it has no rows then,
    and class names must come from `data.labels`. `tokens` counts for filters by tokens. Raises a
    ConfigError that holds every fault found.
    """
    faults = Faults(recipe)
    opened = _opened_sections(recipe, faults, with_train, tokens)
    faults.end()
    opened = [drawn_of(one, recipe, faults.of(one.at)) for one in opened]
    faults.end()
    valid = named_sets("valid", [(one, one.valid) for one in opened])
    test = named_sets("test", [(one, one.test) for one in opened])
    trains: list[Split] = [
        (f"{one.prefix}train", one.part or "train", one.train) for one in opened if one.train
    ]
    whole = len(trains) == len(opened)
    if not whole:  # of a mixture those that a share was cut from were opened for it
        trains = [("train", "train", _without_rows([*valid, *test][0][2]))]
    left_out = _left_out(trains, [*valid, *test])
    labels, splits = labelled([*trains, *valid, *test], faults, len(trains))
    faults.end()
    scored = splits[len(trains) :]
    mixed = whole and isinstance(recipe.data, MixtureData)
    train = Mixed(dict(splits[: len(trains)])) if mixed else splits[0][1]
    _refuse_corrupt([("train", train), *scored], faults)
    faults.end()
    sets = dict(scored[: len(valid)]), dict(scored[len(valid) :])
    return Source(train, *sets, labels, left_out)


def _left_out(trains: list[Split], others: list[Split]) -> dict[str, Mapping[str, int]]:
    """How many rows of each set a filter let go, where it did."""
    named = {"train" if name == "train" else f"train {name}": part for _, name, part in trains}
    named |= {name: part for _, name, part in others}
    return {name: part.left_out for name, part in named.items() if part.left_out}


READERS = {
    "hub": "zoo.data.sources.hub:HubReader",
    "files": "zoo.data.sources.files:FilesReader",
    "built-in": "zoo.data.sources.built_in:BuiltInReader",
}
"""By `data.source`: called with the section, the cache and the faults.

Loaded when it is asked for: a built-in set does without `datasets`.
"""


def _opened_sections(
    recipe: Recipe, faults: Faults, with_train: bool, tokens: Tokens | None
) -> list[Section]:
    """Every section of the data, that of a mixture by the names of its parts; all hold the roles
    that the first one does.
    """
    wanted, data = Wanted.of(kind_of(recipe.task)), recipe.data
    sets = bool(data.valid or data.test)
    found = []
    for at, (part, section) in sorted(sections(data).items()):
        needed = with_train or not sets or isinstance(section.valid, float)
        one = _opened_section(at, part, section, wanted, faults, needed)
        if not faults.found:
            one = _filtered(one, faults.of(at), tokens)
        roles = one.train.rows.roles if one.train else frozenset[str]()
        if part and one.train and not wanted.chosen(roles):
            allowed = " or ".join(" and ".join(choice) for choice in wanted.choices)
            here, way = f"columns {', '.join(sorted(roles))}", built_in_data(recipe)
            faults.of(at).add("columns", here, allowed, way=way)
        wanted = wanted.as_in(roles)
        found.append(one)
    return found


def _opened_section(
    at: str, part: str, data: OneSource, wanted: Wanted, faults: Faults, needed: bool
) -> Section:
    """The sets of one section; its train rows where they are needed."""
    faults = faults.of(at)
    wanted = replace(wanted.naming(data.columns), beside=columns_beside(data, wanted.roles))
    reader = _reader(data, faults)
    train = _joined(reader, _entries(data.train), wanted, faults) if needed else None
    if train is not None:
        wanted = wanted.as_in(train.rows.roles)
    prefix = f"{at}.".removeprefix("data.")
    entries = () if isinstance(data.valid, float) else _entries(data.valid)
    valid = _sets(reader, "valid", entries, wanted, faults, prefix)
    test = _sets(reader, "test", _entries(data.test), wanted, faults, prefix)
    return Section(at, part, data, train, valid, test)


def _filtered(one: Section, faults: Faults, tokens: Tokens | None) -> Section:
    """The section with those of its rows that its filter lets stay."""
    root = cache_root(faults.recipe.data)
    asked = partial(filtered, data=one.data, faults=faults, root=root, tokens=tokens)
    valid, test = (
        [(at, name, asked(opened, key=key)) for at, name, opened in splits]
        for key, splits in (("valid", one.valid), ("test", one.test))
    )
    train = None if one.train is None else asked(one.train, key="train")
    return replace(one, train=train, valid=valid, test=test)


def _reader(data: OneSource, faults: Faults) -> SplitReader:
    """The reader of a section's `source`."""
    root = cache_root(faults.recipe.data)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"{root} ({error.strerror})"
        faults.of("data").add("cache", found, "a folder that can be written")
        faults.end()
    reader: Callable[..., SplitReader] = named(READERS[data.source])
    return reader(data, root, faults)


def _entries(written: str | Sequence[str] | Literal[False]) -> tuple[str, ...]:
    if not written:
        return ()
    return (written,) if isinstance(written, str) else tuple(written)


def _joined(
    reader: SplitReader, entries: tuple[str, ...], wanted: Wanted, faults: Faults
) -> Opened | None:
    """The entries of train as one, or None where one could not be opened."""
    opened: list[Opened] = []
    for entry in entries:
        part = _opened(reader, "train", entry, wanted, faults)
        if part is not None:
            wanted = wanted.as_in(part.rows.roles)
            opened.append(part)
    return join(opened) if len(opened) == len(entries) else None


def _opened(
    reader: SplitReader, key: str, entry: str, wanted: Wanted, faults: Faults
) -> Opened | None:
    """What the reader finds, if there is at least one example in it."""
    part = reader.read(key, entry, wanted)
    if part is not None and not len(part.rows):
        way = built_in_data(faults.recipe)
        faults.add(key, f"{entry} without an example", "at least one example", way=way)
        return None
    if part is not None and (why := none_readable(part.rows)):
        allowed = "an example that can be read; data.format says how"
        faults.add(key, why, allowed, way=built_in_data(faults.recipe))
        return None
    return part


def _without_rows(other: Opened) -> Opened:
    """A set of the same roles as another one that has no rows."""
    return Opened(Subset(other.rows, np.arange(0)), frozenset(), other.label_names)


def _sets(
    reader: SplitReader,
    key: str,
    entries: tuple[str, ...],
    wanted: Wanted,
    faults: Faults,
    prefix: str,
) -> list[Split]:
    names = entries if len(entries) > 1 else (key,) * len(entries)
    parts = [
        (name, _opened(reader, key, entry, wanted, faults))
        for name, entry in zip(names, entries, strict=True)
    ]
    return [(f"{prefix}{key}", name, part) for name, part in parts if part is not None]


def _refuse_corrupt(splits: Sequence[tuple[str, Rows]], faults: Faults) -> None:
    """Notes the rows of each set that are known to be corrupt, where they are too many."""
    for _, rows in splits:
        with collected(faults.found):
            CorruptLimit.of(faults.recipe, rows).add(rows.unreadable().items())


def join(parts: Sequence[Opened]) -> Opened:
    """Several pieces one after the other; class names only where all agree on them."""
    values = frozenset[Any]().union(*(part.label_values for part in parts))
    names = {part.label_names for part in parts}
    every = dict.fromkeys(name for part in parts for name in part.names)
    return Opened(
        concatenated([part.rows for part in parts]),
        values,
        names.pop() if len(names) == 1 else None,
        tuple(every),
    )
