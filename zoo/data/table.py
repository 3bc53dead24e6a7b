"""Rows of an Arrow table on the disk; images and audio in it are decoded when asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.compute

from zoo.data.audio import decode_audio, seconds_of
from zoo.data.cache import cached
from zoo.data.image import decode_image
from zoo.data.rows import CorruptExample, Row, digest

_TEXTS = ("text", "text_pair", "prompt", "completion")


class TableRows:
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
        texts = [self.columns[role] for role in _TEXTS if role in self.roles]
        if not texts:
            return None
        lengths = np.stack([self._characters(column) for column in texts])
        return np.asarray(lengths.sum(axis=0, dtype=np.float64))

    def _characters(self, column: str) -> np.ndarray:
        lengths = pyarrow.compute.utf8_length(self.dataset.data.column(column))
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


def label_names(dataset: datasets.Dataset, column: str) -> tuple[str, ...] | None:
    """The class names that the data set itself gives for a column."""
    feature = dataset.features[column]
    return tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else None
