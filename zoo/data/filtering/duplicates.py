"""Rows that are equal to an earlier one, by 64 bits of what they hold."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.audio import Stretch
from zoo.data.rows import CorruptExample

_AT_ONCE = 1 << 20  # rows that are compared at a time
_RECORDINGS = 256  # files that clips are cut from, whose digests are known for a while


def content(value: Any) -> bytes:
    """A value in bytes: arrays and images with their shape, all else as Python writes it."""
    if isinstance(value, np.ndarray) or hasattr(value, "__array_interface__"):
        array = np.ascontiguousarray(value)
        return f"{array.dtype} {array.shape} ".encode() + array.tobytes()
    return repr(value).encode()


def hashed(values: Iterable[Any]) -> int:
    """64 bits of what a row's columns hold, files by their bytes; of n different rows two have the
    same with a chance of n * n / 2^65 (50 million: 1 in 15,000). CorruptExample.
    """
    found = hashlib.blake2b(digest_size=8)
    for value in values:
        part = _content(value)
        found.update(len(part).to_bytes(8, "little") + part)
    return int.from_bytes(found.digest(), "little")


def repeated(hashes: np.ndarray) -> np.ndarray:
    """Which rows have the hash of an earlier one, uint64 (rows,) to bool (rows,).

    Beside the hashes it needs 8 bytes a row, and 24 a row that is not alone with its hash.
    """
    ordered = np.sort(hashes)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    found = np.zeros(len(hashes), dtype=bool)
    if not len(several):
        return found
    places = [
        start + np.flatnonzero(_among(hashes[start : start + _AT_ONCE], several))
        for start in range(0, len(hashes), _AT_ONCE)
    ]
    rows = np.concatenate(places)
    rows = rows[np.argsort(hashes[rows], kind="stable")]  # of each hash the first row stands first
    again = hashes[rows[1:]] == hashes[rows[:-1]]
    found[rows[1:][again]] = True
    return found


def _among(hashes: np.ndarray, several: np.ndarray) -> np.ndarray:
    places = np.minimum(np.searchsorted(several, hashes), len(several) - 1)
    found: np.ndarray = several[places] == hashes
    return found


def _content(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, Stretch):
        whole = _of_recording(value.source) if not isinstance(value.source, bytes) else value.source
        return repr(value[1:]).encode() + whole
    if isinstance(value, Path):
        return _of_file(value)
    return value if isinstance(value, bytes) else content(value)


def _of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptExample(f"{path} ({error})") from error


@lru_cache(_RECORDINGS)
def _of_recording(path: Path | str) -> bytes:
    return hashlib.blake2b(_of_file(Path(path))).digest()
