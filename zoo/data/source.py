"""Opens the data section of a recipe: the rows of every split, their labels, all faults at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.data.cache import cache_root
from zoo.data.faults import Faults
from zoo.data.rows import LabelIds, Rows, Subset, concatenated, cut, drawn
from zoo.data.sources.built_in import BuiltInReader
from zoo.data.sources.files import FilesReader
from zoo.data.sources.hub import HubReader
from zoo.data.sources.opened import Opened, SplitReader
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.kinds import KINDS

_Split = tuple[str, str, Opened]  # recipe key, name of the set, rows


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
    held = data.valid if isinstance(data.valid, float) else 0.0
    needed = with_train or held or not (data.valid or data.test)
    train = _joined(reader, _entries(data.train), faults) if needed else None
    valid = [] if isinstance(data.valid, float) else _sets(reader, "valid", data.valid, faults)
    test = _sets(reader, "test", data.test, faults)
    faults.end()
    train = train if needed else _without_rows([*valid, *test][0][2])
    assert train is not None  # else there was a fault
    train, valid = _share(train, valid, held, faults)
    train = replace(train, rows=drawn(train.rows, data.max_train_examples, recipe.run.seed))
    valid = [
        (key, name, replace(part, rows=drawn(part.rows, data.max_valid_examples, data.split_seed)))
        for key, name, part in valid
    ]
    labels, splits = _labelled([("train", "train", train), *valid, *test], faults)
    faults.end()
    return Source(
        train=splits[0][1],
        valid=dict(splits[1 : 1 + len(valid)]),
        test=dict(splits[1 + len(valid) :]),
        labels=labels,
    )


READERS: dict[str, Callable[..., SplitReader]] = {
    "hub": HubReader,
    "files": FilesReader,
    "built-in": BuiltInReader,
}
"""By `data.source`: called with the section, the cache, whether labels are read, and the faults."""


def _reader(recipe: Recipe, faults: Faults) -> SplitReader:
    """The reader of the section's `source`; it leaves labels alone where the task has none."""
    data = recipe.data
    labelled = any("label" in roles for roles in KINDS[recipe.task.kind].roles)
    try:
        cache_root(data).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        faults.add(
            "cache", f"{cache_root(data)} ({error.strerror})", "a folder that can be written"
        )
        faults.end()
    return READERS[data.source](data, cache_root(data), labelled, faults)


def _entries(written: str | Sequence[str] | None) -> tuple[str, ...]:
    if written is None:
        return ()
    return (written,) if isinstance(written, str) else tuple(written)


def _joined(reader: SplitReader, entries: tuple[str, ...], faults: Faults) -> Opened | None:
    """The entries of train as one, or None where one could not be opened."""
    parts = [_opened(reader, "train", entry, faults) for entry in entries]
    opened = [part for part in parts if part is not None]
    return join(opened) if len(opened) == len(parts) else None


def _opened(reader: SplitReader, key: str, entry: str, faults: Faults) -> Opened | None:
    """What the reader finds, if there is at least one example in it."""
    part = reader.read(key, entry)
    if part is not None and not len(part.rows):
        faults.add(key, f"{entry} without an example", "at least one example")
        return None
    return part


def _without_rows(other: Opened) -> Opened:
    """A set of the same roles as another one that has no rows."""
    return Opened(Subset(other.rows, np.arange(0)), frozenset(), other.label_names)


def _sets(
    reader: SplitReader, key: str, written: str | Sequence[str] | None, faults: Faults
) -> list[_Split]:
    entries = _entries(written)
    names = entries if len(entries) > 1 else (key,) * len(entries)
    parts = [
        (name, _opened(reader, key, entry, faults))
        for name, entry in zip(names, entries, strict=True)
    ]
    return [(key, name, part) for name, part in parts if part is not None]


def _share(
    train: Opened, valid: list[_Split], share: float, faults: Faults
) -> tuple[Opened, list[_Split]]:
    """Train without, and a validation set with, the seeded share of it."""
    if not share:
        return train, valid
    kept, held = cut(train.rows, share, faults.recipe.data.split_seed)
    if not len(kept) or not len(held):
        found = f"{share} of {len(train.rows)} examples"
        faults.add("valid", found, "a share that leaves at least one example on both sides")
        faults.end()
    return replace(train, rows=kept), [("valid", "valid", replace(train, rows=held))]


def _labelled(
    splits: list[_Split], faults: Faults
) -> tuple[tuple[str, ...] | None, list[tuple[str, Rows]]]:
    """The class names, and every set with class ids for labels; other labels stay as they are."""
    train, classes = splits[0][2], KINDS[faults.recipe.task.kind].classes
    if not classes or "label" not in train.rows.roles:
        return None, [(name, part.rows) for _, name, part in splits]
    labels = faults.recipe.data.labels or train.label_names or sorted_names(train.label_values)
    labelled: list[tuple[str, Rows]] = []
    for key, name, part in splits:
        if "label" not in part.rows.roles:
            faults.add(key, f"{name} without a column for label", "labels as in train")
            continue
        labelled.append((name, LabelIds(part.rows, label_ids(part, labels, key, faults))))
    return labels, labelled


def label_ids(part: Opened, labels: tuple[str, ...], key: str, faults: Faults) -> dict[Any, int]:
    """The class id of each label value: its name's place, or the value itself if it is an id.

    Notes a fault for values that are neither; a column is read one way or the other, never both.
    """
    numbers = {name: number for number, name in enumerate(labels)}
    names = {value: _name(value, part.label_names) for value in part.label_values}
    strays = {value: name for value, name in names.items() if name not in numbers}
    if not strays:
        return {value: numbers[name] for value, name in names.items()}
    if all(isinstance(value, int) and 0 <= value < len(labels) for value in names):
        return {value: value for value in names}
    for stray in sorted(strays.values())[:5]:
        faults.add("labels", stray, f"in {key} ({len(strays)} other values), one of", labels)
    return {}


def _name(value: Any, names: tuple[str, ...] | None) -> str:
    known = names is not None and isinstance(value, int) and 0 <= value < len(names)
    return names[value] if names is not None and known else str(value)


def sorted_names(values: frozenset[Any]) -> tuple[str, ...]:
    """Class names from the values of train: numbers by size, everything else by spelling."""
    numeric = all(isinstance(value, int | float) for value in values)
    return tuple(str(value) for value in (sorted(values) if numeric else sorted(values, key=str)))


def join(parts: Sequence[Opened]) -> Opened:
    """Several pieces one after the other; class names only where all agree on them."""
    values = frozenset[Any]().union(*(part.label_values for part in parts))
    names = {part.label_names for part in parts}
    return Opened(
        concatenated([part.rows for part in parts]),
        values,
        names.pop() if len(names) == 1 else None,
    )
