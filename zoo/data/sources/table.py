"""Rows of an Arrow table on the disk; images and audio in it are decoded when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.compute

from zoo.data.audio import decode_audio, seconds_of
from zoo.data.cache import cached
from zoo.data.faults import Faults
from zoo.data.image import decode_image
from zoo.data.rows import CorruptExample, Row, Rows, digest
from zoo.data.sources.opened import Columns, Opened, check_columns, roles_of
from zoo.recipe.vocabulary.roles import ROLES

_PLAIN = (datasets.Value, datasets.ClassLabel)
_READ = [role for role, one in ROLES.items() if one.measured]
_TEXTS = [role for role, one in ROLES.items() if one.how == "text"]


@dataclass(frozen=True)
class Table:
    """An opened table, before its columns have roles.

    `folder` is where relative paths of media start, `fingerprint` stands for the content.
    """

    dataset: datasets.Dataset
    folder: Path
    fingerprint: str
    root: Path
    labelled: bool

    def part(self, columns: Columns, faults: Faults) -> Opened | None:
        """The rows and what is known of their labels; None after noting columns at fault."""
        names = frozenset(self.dataset.column_names)
        if not check_columns(names, columns, faults):
            return None
        roles = roles_of(names, columns)
        if not self.labelled:
            roles.pop("label", None)
        features = self.dataset.features
        lists = [r for r in _TEXTS if r in roles and not isinstance(features[roles[r]], _PLAIN)]
        for role in lists:
            found = f"{roles[role]} ({type(features[roles[role]]).__name__})"
            faults.add(f"columns.{role}", found, "a column of text")
        if lists:
            return None
        rows = TableRows(self.dataset, roles, self.folder, self.fingerprint, self.root)
        return Opened(rows, *self._labels(roles["label"])) if "label" in roles else Opened(rows)

    def _labels(self, column: str) -> tuple[frozenset[Any], tuple[str, ...] | None]:
        """The values of a column, and its class names if the data set itself gives them."""
        feature = self.dataset.features[column]
        names = tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else None
        return frozenset(self.dataset.unique(column)), names


class TableRows(Rows):
    """Rows of `dataset`, whose column for each role `columns` names.

    Images and audio are bytes, paths (relative ones start at `folder`) or Hugging Face's {bytes,
    path}. Seconds of audio are read once and kept under `root`.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        columns: Mapping[str, str],
        folder: Path,
        fingerprint: str,
        root: Path,
    ) -> None:
        self.dataset = undecoded(dataset).select_columns(sorted(set(columns.values())))
        self.columns, self.folder, self.root = dict(columns), folder, root
        self.roles = frozenset(columns)
        self.fingerprint = digest("table", fingerprint, sorted(columns.items()))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Row:
        found = self.dataset[index]
        row = {role: found[column] for role, column in self.columns.items()}
        missing = [self.columns[role] for role, value in row.items() if value is None]
        if missing:
            raise CorruptExample(f"row {index} in {self.folder} (no {', '.join(missing)})")
        row.update({role: str(row[role]) for role in _TEXTS if role in row})
        if "image" in row:
            row["image"] = decode_image(self._media(row["image"]))
        if "audio" in row:
            row["audio"], row["sampling_rate"] = decode_audio(self._media(row["audio"]))
        return row

    def lengths(self) -> np.ndarray | None:
        if "audio" in self.roles:
            folder = cached(self.root, digest("seconds", self.fingerprint), self._write_seconds)
            seconds: np.ndarray = np.load(folder / "seconds.npy")
            return seconds
        texts = [self.columns[role] for role in _READ if role in self.roles]
        if not texts:
            return None
        lengths = np.stack([self._characters(column) for column in texts])
        return np.asarray(lengths.sum(axis=0, dtype=np.float64))

    def _characters(self, column: str) -> np.ndarray:
        texts = self.dataset.data.column(column).cast(pyarrow.large_string())
        lengths = pyarrow.compute.utf8_length(texts)
        return np.asarray(lengths.fill_null(0).to_numpy())

    def _write_seconds(self, folder: Path) -> None:
        column = self.columns["audio"]
        sources = (self._media(row[column]) for row in self.dataset.select_columns([column]))
        np.save(folder / "seconds.npy", np.array([_seconds(source) for source in sources]))

    def _media(self, value: Any) -> bytes | Path:
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path") or b""
        return value if isinstance(value, bytes) else self.folder / Path(value).expanduser()


def _seconds(source: bytes | Path) -> float:
    """NaN for a clip that cannot be read: it must stay in the set to be counted as corrupt."""
    try:
        return seconds_of(source)
    except CorruptExample:
        return float("nan")


def undecoded(dataset: datasets.Dataset) -> datasets.Dataset:
    """The dataset with images and audio left as bytes or paths."""
    for kind in (datasets.Image, datasets.Audio):
        for name, feature in dataset.features.items():
            if isinstance(feature, kind):
                dataset = dataset.cast_column(name, kind(decode=False))
    return dataset
