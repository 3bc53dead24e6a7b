"""Class names and ids: which classes there are, in which order, and the id of each label."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo.data.faults import Faults
from zoo.data.objects import Objects
from zoo.data.reading.marked import TaggedRows
from zoo.data.rows import Row, Rows, Wrapped, digest
from zoo.data.sources.opened import Opened
from zoo.recipe.instead import instead
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.recipe.vocabulary.roles import role_of_classes

Split = tuple[str, str, Opened]
"""Recipe key below `data`, name of the set, its rows."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 5


class LabelIds(Wrapped):
    """Rows whose label, or each of whose tags or objects, is replaced by its class id.

    Rows without such a role stay as they are.
    """

    def __init__(self, rows: Rows, ids: Mapping[Any, int]) -> None:
        super().__init__(rows)
        self.ids, self.role = dict(ids), role_of_classes(rows.roles)
        self.fingerprint = digest("labels", rows.fingerprint, sorted(map(repr, self.ids.items())))

    def __getitem__(self, index: int) -> Row:
        row = self.rows[index]
        return row if self.role is None else {**row, self.role: self._ids(row[self.role])}

    def value(self, index: int, role: str) -> Any:
        found = self.rows.value(index, role)
        return self._ids(found) if role == self.role else found

    def _ids(self, found: Any) -> Any:
        id_of = self.ids.__getitem__
        if isinstance(found, Objects):
            return found.with_classes(id_of)
        return tuple(map(id_of, found)) if isinstance(found, tuple) else id_of(found)


def labelled(
    splits: Sequence[Split], faults: Faults, trains: int = 1
) -> tuple[tuple[str, ...] | None, list[tuple[str, Rows]]]:
    """The class names, and every set with class ids for labels; other labels stay as they are.

    The first `trains` sets are the train rows, those of each part of a mixture: they must agree on
    the class names, where `data.labels` does not say them.
    """
    splits = [(key, name, _as_tags(part)) for key, name, part in splits]
    train, classes = splits[0][2], kind_of(faults.recipe.task).classes
    if not classes:
        return None, [(name, part.rows) for _, name, part in splits]
    role = role_of_classes(train.rows.roles)
    labels = faults.recipe.data.labels or _agreed(splits[:trains], faults)
    if role is None:  # ids alone, as masks have them
        return labels or None, [(name, part.rows) for _, name, part in splits]
    every = sorted_names({_name(v, p.label_names) for _, _, p in splits for v in p.label_values})
    way = instead(faults.recipe, f"{faults.at}.labels", list(every))
    named: list[tuple[str, Rows]] = []
    for key, name, part in splits:
        if role not in part.rows.roles:
            faults.add(key, f"{name} without a column for {role}", "labels as in train")
            continue
        named.append((name, LabelIds(part.rows, label_ids(part, labels, key, faults, way))))
    return labels, named


def _agreed(trains: Sequence[Split], faults: Faults) -> tuple[str, ...]:
    """The class names of the first train rows, which those of all parts must have."""
    names = {name: part.label_names or sorted_names(part.label_values) for _, name, part in trains}
    every = sorted_names(set().union(*names.values()))
    _say_alike(every, faults)
    for part, own in names.items():
        if strays := [name for name in every if name not in own]:
            found = f"{part} without {', '.join(strays[:_SHOWN])}"
            found += ", ..." if len(strays) > _SHOWN else ""
            allowed = "all class names in id order, where parts differ in them"
            way = instead(faults.recipe, f"{faults.at}.labels", list(every))
            faults.add("labels", found, allowed, way=way)
    return next(iter(names.values())) if not faults.found else every


def _say_alike(names: tuple[str, ...], faults: Faults) -> None:
    """Notes class names that nobody can tell apart: by their blanks, or how accents are written."""
    alike: dict[str, list[str]] = {}
    for name in names:
        seen = " ".join(unicodedata.normalize("NFC", name).split())
        alike.setdefault(seen, []).append(name)
    way = instead(faults.recipe, f"{faults.at}.labels", list(names))
    for several in [found for found in alike.values() if len(found) > 1][:_SHOWN]:
        found = f"{', '.join(map(ascii, several))}, which look alike"
        allowed = "one spelling for each class; or all of them, if they differ, in data.labels"
        faults.add("labels", found, allowed, way=way)


def _as_tags(part: Opened) -> Opened:
    """Rows of named stretches as rows of tagged words; others as they are."""
    if "entities" not in part.rows.roles:
        return part
    return Opened(TaggedRows(part.rows), part.label_values)


def label_ids(
    part: Opened, labels: tuple[str, ...], key: str, faults: Faults, way: str = ""
) -> dict[Any, int]:
    """The class id of each label value: its name's place, or the value itself if it is an id.

    Notes a fault for values that are neither; a column is read one way or the other, never both.
    `way` is the word that names the labels of all sets.
    """
    numbers = {name: number for number, name in enumerate(labels)}
    names = {value: _name(value, part.label_names) for value in part.label_values}
    strays = {value: name for value, name in names.items() if name not in numbers}
    if not strays:
        return {value: numbers[name] for value, name in names.items()}
    ids = {str(number): number for number in range(len(labels))}
    if all(str(value) in ids for value in names):
        return {value: ids[str(value)] for value in names}
    for stray in sorted(strays.values())[:5]:
        allowed = f"in {key} ({len(strays)} other values), one of"
        faults.add("labels", stray, allowed, labels, way=way)
    return {}


def _name(value: Any, names: tuple[str, ...] | None) -> str:
    known = names is not None and isinstance(value, int) and 0 <= value < len(names)
    return names[value] if names is not None and known else str(value)


def sorted_names(values: Iterable[Any]) -> tuple[str, ...]:
    """Class names in their natural order: numbers by size, and so the numbers inside of names."""
    names = [str(value) for value in values]
    if all(_NUMBER.fullmatch(name) for name in names):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    return tuple(sorted(names, key=lambda name: (_parts(name), name)))


def _parts(name: str) -> list[str | int]:
    """Text and numbers in turns, so that two names are compared part by part."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name))]
