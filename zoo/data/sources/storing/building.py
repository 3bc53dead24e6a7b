"""Arrow's arrays of Python's values, without pandas: pyarrow imports it to look whether they are a
part of it, which costs each process that prepares 30 MB and half a second.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow

_NUMBERS = {pyarrow.int32(): "<i4", pyarrow.float64(): "<f8"}
_OF_BYTES = {
    pyarrow.string(): "<i4",
    pyarrow.large_string(): "<i8",
    pyarrow.large_binary(): "<i8",
}
"""The type of their offsets."""


def batch_of(rows: Sequence[Mapping[str, Any]], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    """The rows by column of the schema: texts, bytes, numbers and structs of them, or None.

    Byte for byte what pyarrow makes of them (`RecordBatch.from_pylist`).
    """
    columns = [array_of([row.get(field.name) for row in rows], field.type) for field in schema]
    return pyarrow.RecordBatch.from_arrays(columns, schema=schema)


def array_of(values: Sequence[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    """The values as an array of the type; None is nothing."""
    there = np.fromiter((value is not None for value in values), bool, len(values))
    valid = None if there.all() else _bits(there)
    if kind in _NUMBERS:
        numbers = np.array([value or 0 for value in values], _NUMBERS[kind])
        return pyarrow.Array.from_buffers(kind, len(values), [valid, pyarrow.py_buffer(numbers)])
    if kind in _OF_BYTES:
        parts = [one.encode() if isinstance(one, str) else one or b"" for one in values]
        ends = np.cumsum([0, *map(len, parts)], dtype=_OF_BYTES[kind])
        content = [pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(parts))]
        return pyarrow.Array.from_buffers(kind, len(values), [valid, *content])
    children = [array_of(_inside(values, field), field.type) for field in kind]
    return pyarrow.Array.from_buffers(kind, len(values), [valid], children=children)


def _inside(values: Sequence[Any], field: pyarrow.Field) -> list[Any]:
    """One field of structs; inside of None it is there, and empty."""
    empty = 0 if field.type in _NUMBERS else b""
    return [empty if value is None else value.get(field.name) for value in values]


def booleans(values: np.ndarray) -> pyarrow.Array:
    """The values, bool (rows,), as an array."""
    return pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), [None, _bits(values)])


def _bits(values: np.ndarray) -> pyarrow.Buffer:
    return pyarrow.py_buffer(np.packbits(values, bitorder="little"))
