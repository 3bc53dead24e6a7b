"""How long the rows of a column are, once they are known, without what they hold in memory."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow
import pyarrow.compute

from zoo.data.audio import Source, seconds_of
from zoo.data.rows import CorruptExample

_AT_ONCE = 16  # headers; reading one waits for the disk, and lets other threads run
_ROWS = 4096  # of a text column at a time


def is_list(kind: pyarrow.DataType) -> bool:
    """Whether a column holds lists."""
    return pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)


def characters(column: pyarrow.ChunkedArray) -> np.ndarray:
    """Characters of each text, or elements of each list; 0 of nothing. float64 (rows,)."""
    found = np.zeros(len(column))
    for start in range(0, len(column), _ROWS):
        part = column.slice(start, _ROWS)
        if is_list(part.type):
            lengths = pyarrow.compute.list_value_length(part)
        else:
            lengths = pyarrow.compute.utf8_length(part.cast(pyarrow.large_string()))
        found[start : start + len(part)] = lengths.fill_null(0).to_numpy()
    return found


def seconds(column: pyarrow.ChunkedArray, clip: Callable[[int], Source]) -> np.ndarray:
    """Seconds of each clip, float32 (rows,): what its row says, else what its header says. NaN for
    one that cannot be read: it must stay in the set to be counted as corrupt.
    """

    def measured(index: int) -> float:
        try:
            return seconds_of(clip(index))
        except CorruptExample:
            return float("nan")

    found = np.concatenate([*map(_said, column.chunks), np.zeros(0, np.float32)])
    unknown = np.flatnonzero(np.isnan(found)).tolist()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for places in _batches(unknown):
            found[places] = list(pool.map(measured, places))
    return found


def _said(chunk: pyarrow.Array) -> np.ndarray:
    """The duration that rows bring with them, NaN where they do not."""
    nothing = np.full(len(chunk), np.nan, np.float32)
    if not pyarrow.types.is_struct(chunk.type) or chunk.type.get_field_index("duration") < 0:
        return nothing
    durations = pyarrow.compute.struct_field(chunk, "duration")
    if not pyarrow.types.is_floating(durations.type):
        return nothing
    return np.asarray(durations.to_numpy(zero_copy_only=False), dtype=np.float32)


def _batches(places: list[int]) -> Iterator[list[int]]:
    return (places[start : start + _ROWS] for start in range(0, len(places), _ROWS))
