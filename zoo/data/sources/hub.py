"""Source `hub`: a dataset of the Hugging Face hub, or a folder laid out like one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.compute

from zoo.data.faults import Faults
from zoo.data.rows import digest
from zoo.data.sources.columns import roles_to_read
from zoo.data.sources.opened import (
    Columns,
    Opened,
    Wanted,
    check_columns,
    names_of,
    roles_of,
)
from zoo.data.sources.parquet import class_names
from zoo.data.sources.table import TableRows
from zoo.recipe.spec.data import HubData
from zoo.recipe.vocabulary.roles import ROLES, role_of_classes

_WORDS = (datasets.Value, datasets.ClassLabel)
_LISTS = (datasets.List, datasets.LargeList)
_FEATURES: dict[str, tuple[type[Any], ...]] = {
    "text": _WORDS,
    "value": _WORDS,
    "messages": (*_LISTS, datasets.Value, list),
    "words": (*_LISTS, datasets.Value),
    "tags": (*_LISTS, datasets.Value),
    "spans": (*_LISTS, dict, list),
    "answers": (*_LISTS, dict, list),
    "image": (datasets.Image, datasets.Value, dict),
    "objects": (datasets.List, datasets.LargeList, dict, list),
    "mask": (datasets.Image, datasets.Value, dict),
    "audio": (datasets.Audio, datasets.Value, dict),
}
"""What a column may be, by how its role is read."""
_SEVERAL = (datasets.List, datasets.LargeList, dict)
"""What it may be beside that where it holds several labels of a row."""


class HubReader:
    """Opens splits of one dataset, which is fetched and built once, on the first of them."""

    def __init__(self, data: HubData, root: Path, faults: Faults) -> None:
        self.data, self.root, self.faults = data, root, faults
        self.splits: datasets.DatasetDict | None = None
        self.tried = False

    def read(self, key: str, entry: str, wanted: Wanted) -> Opened | None:
        if not self.tried:
            self.tried, self.splits = True, self._load()
        if self.splits is None:
            return None
        if entry not in self.splits:
            self.faults.add(key, entry, "one of", list(self.splits))
            return None
        dataset = self.splits[entry]
        names = dataset.column_names
        if not check_columns(frozenset(names), self.data.columns, self.faults, True):
            return None
        dataset, columns = joined(dataset, roles_of(frozenset(names), self.data.columns))
        here = {role: columns[role] for role in wanted.roles if role in columns}
        odd = _odd(dataset.features, here, wanted)
        roles = roles_to_read(here, odd, names, entry, wanted, self.faults)
        return None if roles is None else self._part(dataset, {r: here[r] for r in roles}, wanted)

    def _part(self, dataset: datasets.Dataset, columns: dict[str, str], wanted: Wanted) -> Opened:
        # The last folders of the Arrow files' names hold configuration, version and content hash.
        built = [Path(file["filename"]).parts[-4:] for file in dataset.cache_files]
        content = digest(self.data.name, self.data.subset, built, len(dataset))
        role = role_of_classes(columns)
        classes = _classes(dataset, columns.get(role or "", ""), self.data.columns)
        classes = classes if wanted.classes else None
        reading = {role: wanted.reading(role, classes) for role in columns}
        names = tuple(dataset.column_names)
        beside = {name: name for name in wanted.beside if name in names}
        reading |= {name: partial(_named, _names(dataset, name)) for name in beside}
        rows = HubRows(self.data.name, dataset, columns, reading, content, self.root, beside)
        if role is None or not wanted.classes:
            return Opened(rows, names=names)
        return Opened(rows, rows.values(role), classes, names)

    def _load(self) -> datasets.DatasetDict | None:
        data = self.data
        name = str(Path(data.name).expanduser()) if data.name.startswith("~") else data.name
        try:
            cache = str(self.root / "datasets") if data.cache else None
            return datasets.load_dataset(name, data.subset, revision=data.revision, cache_dir=cache)
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
            reason = " ".join(str(error).split())[:300]
            if "scripts are no longer supported" in reason:
                found = f"{data.revision or 'the main branch'} of {data.name} ({reason})"
                allowed = "one without a script, such as the hub's own refs/convert/parquet"
                self.faults.add("revision", found, allowed)
                return None
            key = "subset" if "BuilderConfig" in reason or "Config name" in reason else "name"
            found = f"{data.name if key == 'name' else data.subset} ({reason})"
            self.faults.add(key, found, "a dataset that the hub, the cache or the disk has")
            return None


class HubRows(TableRows):
    """Rows of one split; in a column of class ids -1 stands for no label."""

    def __init__(
        self,
        source: str,
        dataset: datasets.Dataset,
        columns: dict[str, str],
        reading: dict[str, Callable[[Any], Any]],
        fingerprint: str,
        root: Path,
        beside: dict[str, str],
    ) -> None:
        super().__init__(undecoded(dataset), columns, reading, fingerprint, root, beside)
        self.source, self.features = source, dataset.features

    def name(self, index: int) -> str:
        return f"row {index} of {self.source}"

    def folder(self, index: int) -> Path:
        return Path(self.source)

    def missing(self, role: str) -> np.ndarray:
        missing = super().missing(role)
        if isinstance(self.features[self.columns[role]], datasets.ClassLabel):
            ids = self.table.data.column(self.columns[role])
            below = pyarrow.compute.less(ids, 0).fill_null(True)
            missing = missing | np.asarray(below.to_numpy())
        return missing


def joined(dataset: datasets.Dataset, columns: Columns) -> tuple[datasets.Dataset, dict[str, str]]:
    """The dataset with one column a role: several that a role is read from become an object."""
    single: dict[str, str] = {}
    for role, column in columns.items():
        single[role] = ", ".join(names_of(column))
        if not isinstance(column, str):
            parts = dataset.select_columns(list(column))[:]
            objects = [
                dict(zip(column, row, strict=True))
                for row in zip(*(parts[c] for c in column), strict=True)
            ]
            dataset = dataset.add_column(single[role], objects)
    return dataset, single


def _odd(features: datasets.Features, columns: dict[str, str], wanted: Wanted) -> dict[str, str]:
    """The roles whose column is of a type that they do not read, and which it is."""
    types = {role: features[column] for role, column in columns.items()}
    return {
        role: type(feature).__name__
        for role, feature in types.items()
        if not isinstance(feature, _FEATURES[ROLES[role].how])
        and not (wanted.labels_of(role) and isinstance(feature, _SEVERAL))
        and not (role in wanted.may_be_chats and isinstance(feature, _FEATURES["messages"]))
    }


def _names(dataset: datasets.Dataset, column: str) -> tuple[str, ...]:
    """The class names that a column's ids stand for; none where it has no ids."""
    return class_names(dataset.features.to_dict().get(column)) or ()


def _named(names: tuple[str, ...], value: Any) -> Any:
    """A value of a column that is no role, an id as the class that it is of."""
    known = isinstance(value, int) and 0 <= value < len(names)
    return names[value] if known else value


def _classes(dataset: datasets.Dataset, column: str, columns: Columns) -> tuple[str, ...] | None:
    """The names of a column's classes, where it has them; of several columns their own."""
    several, feature = columns.get("label"), dataset.features.to_dict().get(column)
    if several is not None and not isinstance(several, str):
        return several
    return class_names(feature)


def undecoded(dataset: datasets.Dataset) -> datasets.Dataset:
    """The dataset with images and audio left as bytes or paths."""
    for kind in (datasets.Image, datasets.Audio):
        for name, feature in dataset.features.items():
            if isinstance(feature, kind):
                dataset = dataset.cast_column(name, kind(decode=False))
    return dataset
