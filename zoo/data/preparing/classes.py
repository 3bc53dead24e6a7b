"""How many rows each class has."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.cache import cached
from zoo.data.preparing.measuring import measured
from zoo.data.rows import CorruptExample, Rows, digest

_ROWS = 8192  # that a process counts at a time


def class_counts(rows: Rows, classes: int, root: Path) -> np.ndarray:
    """How many rows each class has, int64 (classes,); corrupt ones have none. Counted once, and
    kept under `root`.
    """

    def count(folder: Path) -> None:
        found = measured("counting classes", _Counting(rows, classes), len(rows), _ROWS)
        np.save(folder / "counts.npy", np.sum([np.zeros(classes, np.int64), *found], axis=0))

    folder = cached(root, digest("classes", rows.fingerprint, classes), count)
    counts: np.ndarray = np.load(folder / "counts.npy")
    return counts


@dataclass(frozen=True)
class _Counting:
    rows: Rows
    classes: int

    def __call__(self, start: int, stop: int) -> np.ndarray:
        found = np.zeros(self.classes, dtype=np.int64)
        for index in range(start, stop):
            try:
                found[self.rows.value(index, "label")] += 1
            except CorruptExample:
                continue
        return found
