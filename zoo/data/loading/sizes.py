"""How large examples become, counted once by worker processes and kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from zoo.data.cache import cached
from zoo.data.loading.loader import MakeExample
from zoo.data.loading.workers import worked
from zoo.data.rows import Batch, CorruptExample, Rows, digest

Size = Callable[[Any], float]
"""The size of an example; a function of a module."""
_BLOCK = 512  # rows that a worker counts at once
_VERSION = 1


class _Sizes(Dataset[Batch]):
    """Counts the rows from a start on; runs in the workers."""

    def __init__(self, rows: Rows, example: MakeExample, size: Size) -> None:
        self.rows, self.example, self.size = rows, example, size

    def __getitem__(self, start: int) -> Batch:
        places = range(start, min(start + _BLOCK, len(self.rows)))
        return {"sizes": torch.tensor([self._size(row) for row in places], dtype=torch.float64)}

    def _size(self, row: int) -> float:
        try:
            example = self.example(self.rows[row], np.random.default_rng(0), False)
        except CorruptExample:
            return float("nan")
        return float(self.size(example))


def counted_sizes(
    rows: Rows, example: MakeExample, size: Size, made_of: str, root: Path, workers: int
) -> np.ndarray:
    """`size` of every example as evaluation reads it, float64 (rows,), NaN of a corrupt row.

    `made_of` names what makes examples of these rows; by it and the rows' fingerprint the sizes are
    found in the cache `root` again.
    """

    def build(folder: Path) -> None:
        blocks = iter(range(0, len(rows), _BLOCK))
        few = min(workers, len(rows) // _BLOCK)
        found = worked(_Sizes(rows, example, size), blocks, few)
        np.save(folder / "sizes.npy", np.concatenate([np.asarray(b["sizes"]) for b in found]))

    name = digest("sizes", _VERSION, rows.fingerprint, made_of)
    sizes: np.ndarray = np.load(cached(root, f"sizes-{name}", build) / "sizes.npy", mmap_mode="r")
    return sizes
