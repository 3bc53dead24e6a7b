"""Arrays that are made without pandas are those that pyarrow makes."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow
import pytest

from zoo.data.sources.storing.building import batch_of, booleans
from zoo.data.sources.storing.writer import _CLIP, _MEDIA, _TEXT

SCHEMA = pyarrow.schema(
    [
        ("text", _TEXT),
        ("image", _MEDIA),
        ("clip", _CLIP),
        ("file", pyarrow.int32()),
        ("why", pyarrow.string()),
    ]
)
ROW: dict[str, Any] = {
    "text": "ä € x",
    "image": {"bytes": b"\x00\xff"},
    "clip": {"path": "a.flac", "offset": 1.5, "duration": 2, "channel": 0},
    "file": 3,
    "why": "",
}
ROWS = [ROW, {}, {**ROW, "image": {"path": "b.png"}, "clip": {"path": "c"}, "text": ""}]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 64])
def test_batches_are_byte_for_byte_those_of_pyarrow(count: int) -> None:
    rows = (ROWS * 22)[:count]
    found, wanted = batch_of(rows, SCHEMA), pyarrow.RecordBatch.from_pylist(rows, schema=SCHEMA)
    found.validate(full=True)
    assert found.to_pylist() == wanted.to_pylist()
    assert found.serialize().equals(wanted.serialize())


def test_who_prepares_files_imports_neither_pandas_nor_datasets() -> None:
    said = f"""
import sys
import numpy, pyarrow
import zoo.data.preparing.pack, zoo.data.sources.files
from zoo.data.sources.storing.building import batch_of, booleans
batch_of({ROWS}, pyarrow.schema([("text", pyarrow.large_string())]))
assert booleans(numpy.array([True, False])).to_pylist() == [True, False]
assert "pandas" not in sys.modules and "datasets" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", said], check=True)


def test_booleans_filter_a_column() -> None:
    column = pyarrow.chunked_array([pyarrow.array([1, 2]), pyarrow.array([3])])
    assert column.filter(booleans(np.array([True, False, True]))).to_pylist() == [1, 3]
