"""Parquet files as records: of a file only the columns that somebody reads, a batch at a time."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from zoo.data.sources.records import Record, UnreadableFile

_ROWS = 256  # of a batch: images may lie in it
_BROKEN = (OSError, ValueError, pyarrow.ArrowException)


def parquet_records(path: Path, wanted: Collection[str]) -> Iterator[Record]:
    """The rows of a file, with the wanted columns alone; raises UnreadableFile."""
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            here = [name for name in file.schema_arrow.names if name in wanted]
            for batch in file.iter_batches(_ROWS, columns=here):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(f"row {number}", row)
    except _BROKEN as error:
        raise UnreadableFile(" ".join(str(error).split())[:300]) from None


def parquet_names(path: Path) -> tuple[str, ...]:
    """All columns of a file; none of one that cannot be read."""
    try:
        return tuple(pyarrow.parquet.read_schema(path).names)
    except _BROKEN:
        return ()


def parquet_classes(path: Path, column: str) -> tuple[str, ...] | None:
    """The class names that a column's ids stand for, where Hugging Face's metadata says them."""
    try:
        return classes_in(pyarrow.parquet.read_schema(path), column)
    except _BROKEN:
        return None


def classes_in(schema: pyarrow.Schema, column: str) -> tuple[str, ...] | None:
    """The class names that a column's ids stand for, where Hugging Face's metadata says them."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        return class_names(features.get(column))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # none, or metadata of somebody else


def class_names(feature: Any) -> tuple[str, ...] | None:
    """The names of a feature's classes, or of those inside of it, as `datasets` writes features in
    JSON; None where it has none.
    """
    if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel":
        return tuple(feature["names"])
    inner = feature.values() if isinstance(feature, Mapping) else feature
    found = map(class_names, inner if isinstance(feature, Mapping | list) else ())
    return next((names for names in found if names), None)
