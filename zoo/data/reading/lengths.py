"""How long the rows of a column are, once they are known, without what they hold in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow
import pyarrow.compute

from zoo.data.audio import Source, seconds_of
from zoo.data.preparing.measuring import measured
from zoo.data.rows import CorruptExample

_AT_ONCE = 16  # headers; reading one waits for the disk, and lets other threads run
_ROWS = 4096  # of a text column at a time
_CLIPS = 1024  # whose headers a process reads at a time


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
    one that cannot be read: it must stay in the set to be counted as corrupt. `clip` crosses to the
    processes that read headers where there are many.
    """
    found = np.concatenate([*map(_said, column.chunks), np.zeros(0, np.float32)])
    unknown = np.flatnonzero(np.isnan(found))
    headers = _Headers(clip, unknown)
    read = measured("reading the lengths of clips", headers, len(unknown), _CLIPS)
    found[unknown] = np.concatenate([*read, np.zeros(0, np.float32)])
    return found


@dataclass(frozen=True)
class _Headers:
    """What the headers of clips say, float32; `places` are int64 (clips,)."""

    clip: Callable[[int], Source]
    places: np.ndarray

    def __call__(self, start: int, stop: int) -> np.ndarray:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(self._seconds, self.places[start:stop].tolist())
            return np.fromiter(found, np.float32, stop - start)

    def _seconds(self, index: int) -> float:
        try:
            return seconds_of(self.clip(index))
        except CorruptExample:
            return float("nan")


def _said(chunk: pyarrow.Array) -> np.ndarray:
    """The duration that rows bring with them, NaN where they do not."""
    nothing = np.full(len(chunk), np.nan, np.float32)
    if not pyarrow.types.is_struct(chunk.type) or chunk.type.get_field_index("duration") < 0:
        return nothing
    durations = pyarrow.compute.struct_field(chunk, "duration")
    if not pyarrow.types.is_floating(durations.type):
        return nothing
    return np.asarray(durations.to_numpy(zero_copy_only=False), dtype=np.float32)
