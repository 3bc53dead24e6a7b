"""Opens the data section of a recipe: the rows of every split, their labels, all faults at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from zoo.data.cache import cache_root
from zoo.data.corrupt import CorruptLimit
from zoo.data.faults import Faults
from zoo.data.joined import concatenated
from zoo.data.labels import Split, labelled
from zoo.data.rows import Rows, Subset
from zoo.data.samples import cut, drawn
from zoo.data.sources.opened import Opened, SplitReader, Wanted
from zoo.errors import collected
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.recipe.vocabulary.named import named


@dataclass(frozen=True)
class Source:
    """Rows by split, and the class names in id order where rows have labels."""

    train: Rows
    valid: dict[str, Rows]
    test: dict[str, Rows]
    labels: tuple[str, ...] | None


def open_source(recipe: Recipe, with_train: bool = True) -> Source:
    """Opens what `recipe.data` names; nothing is decoded yet.

    A single validation or test set is called "valid" or "test", several by their own names. Without
    `with_train` the train split is not opened, where no other is cut from it: it has no rows then,
    and class names must come from `data.labels`. Raises a ConfigError that holds every fault found.
    """
    faults = Faults(recipe)
    reader = _reader(recipe, faults)
    data = recipe.data
    wanted = Wanted.of(kind_of(recipe.task))
    held = data.valid if isinstance(data.valid, float) else 0.0
    needed = with_train or held or not (data.valid or data.test)
    train = _joined(reader, _entries(data.train), wanted, faults) if needed else None
    if train is not None:
        wanted = wanted.as_in(train.rows.roles)
    entries = () if isinstance(data.valid, float) else _entries(data.valid)
    valid = _sets(reader, "valid", entries, wanted, faults)
    test = _sets(reader, "test", _entries(data.test), wanted, faults)
    faults.end()
    train = train if needed else _without_rows([*valid, *test][0][2])
    assert train is not None  # else there was a fault
    train, valid = _share(train, valid, held, faults)
    train = replace(train, rows=drawn(train.rows, data.max_train_examples, recipe.run.seed))
    valid = [
        (key, name, replace(part, rows=drawn(part.rows, data.max_valid_examples, data.split_seed)))
        for key, name, part in valid
    ]
    labels, splits = labelled([("train", "train", train), *valid, *test], faults)
    faults.end()
    _refuse_corrupt(splits, faults)
    faults.end()
    return Source(
        train=splits[0][1],
        valid=dict(splits[1 : 1 + len(valid)]),
        test=dict(splits[1 + len(valid) :]),
        labels=labels,
    )


READERS = {
    "hub": "zoo.data.sources.hub:HubReader",
    "files": "zoo.data.sources.files:FilesReader",
    "built-in": "zoo.data.sources.built_in:BuiltInReader",
}
"""By `data.source`: called with the section, the cache and the faults.

Loaded when it is asked for: a built-in set does without `datasets`.
"""


def _reader(recipe: Recipe, faults: Faults) -> SplitReader:
    """The reader of the section's `source`."""
    data = recipe.data
    try:
        cache_root(data).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        faults.add(
            "cache", f"{cache_root(data)} ({error.strerror})", "a folder that can be written"
        )
        faults.end()
    reader: Callable[..., SplitReader] = named(READERS[data.source])
    return reader(data, cache_root(data), faults)


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
        faults.add(key, f"{entry} without an example", "at least one example")
        return None
    return part


def _without_rows(other: Opened) -> Opened:
    """A set of the same roles as another one that has no rows."""
    return Opened(Subset(other.rows, np.arange(0)), frozenset(), other.label_names)


def _sets(
    reader: SplitReader, key: str, entries: tuple[str, ...], wanted: Wanted, faults: Faults
) -> list[Split]:
    names = entries if len(entries) > 1 else (key,) * len(entries)
    parts = [
        (name, _opened(reader, key, entry, wanted, faults))
        for name, entry in zip(names, entries, strict=True)
    ]
    return [(key, name, part) for name, part in parts if part is not None]


def _share(
    train: Opened, valid: list[Split], share: float, faults: Faults
) -> tuple[Opened, list[Split]]:
    """Train without, and a validation set with, the seeded share of it."""
    if not share:
        return train, valid
    kept, held = cut(train.rows, share, faults.recipe.data.split_seed)
    if not len(kept) or not len(held):
        found = f"{share} of {len(train.rows)} examples"
        faults.add("valid", found, "a share that leaves at least one example on both sides")
        faults.end()
    return replace(train, rows=kept), [("valid", "valid", replace(train, rows=held))]


def _refuse_corrupt(splits: Sequence[tuple[str, Rows]], faults: Faults) -> None:
    """Notes the rows of each set that are known to be corrupt, where they are too many."""
    for _, rows in splits:
        with collected(faults.found):
            CorruptLimit.of(faults.recipe, rows).add(rows.unreadable().items())


def join(parts: Sequence[Opened]) -> Opened:
    """Several pieces one after the other; class names only where all agree on them."""
    values = frozenset[Any]().union(*(part.label_values for part in parts))
    names = {part.label_names for part in parts}
    return Opened(
        concatenated([part.rows for part in parts]),
        values,
        names.pop() if len(names) == 1 else None,
    )
