"""How large examples become, counted once by worker processes and kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from zoo.data.cache import cached
from zoo.data.loading.loader import MakeExample
from zoo.data.loading.shards import in_turn
from zoo.data.loading.workers import worked
from zoo.data.preparing.crew import crew
from zoo.data.preparing.telling import told
from zoo.data.rows import Batch, CorruptExample, Rows, digest

Size = Callable[[Any], float]
"""The size of an example; a function of a module."""
_BLOCK = 512  # rows that a worker counts at once
_MANY = 16  # blocks, which all cores count; of fewer, those that load examples anyway
_VERSION = 1
Measure = Callable[[range], Any]
"""What is counted of some rows, as a tensor whose first dimension may be joined."""


class _Blocks(Dataset[Batch]):
    """Counts the rows from a start on; runs in the workers."""

    def __init__(self, measure: Measure, count: int) -> None:
        self.measure, self.count = measure, count

    def __getitem__(self, start: int) -> Batch:
        return {"found": self.measure(range(start, min(start + _BLOCK, self.count)))}


def counted(what: str, measure: Measure, count: int, workers: int = 0) -> np.ndarray:
    """What `measure` gives of `count` rows, a block at a time, joined; by forked processes, so that
    nothing of it must cross to others. Of many rows all cores count, and it is told as `what`.
    """
    blocks = range(0, count, _BLOCK)
    few = crew().size if len(blocks) >= _MANY else min(workers, count // _BLOCK)
    found = []
    with told(what, count, 0, "rows") as tell:
        for batch in worked(_Blocks(measure, count), iter(blocks), few):
            found.append(np.asarray(batch["found"]))
            tell(min(_BLOCK, count - _BLOCK * (len(found) - 1)))
    return np.concatenate(found)


def counted_sizes(
    rows: Rows, example: MakeExample, size: Size, made_of: str, root: Path, workers: int
) -> np.ndarray:
    """`size` of every example as evaluation reads it, float64 (rows,), NaN of a corrupt row.

    `made_of` names what makes examples of these rows; by it and the rows' fingerprint the sizes are
    found in the cache `root` again.
    """

    def build(folder: Path) -> None:
        np.save(folder / "sizes.npy", counted("counting tokens", sizes, len(rows), workers))

    def size_of(row: int) -> float:
        try:
            return float(size(example(rows[row], np.random.default_rng(0), False)))
        except CorruptExample:
            return float("nan")

    def sizes(places: range) -> torch.Tensor:
        return torch.tensor(list(map(size_of, in_turn(rows, places))), dtype=torch.float64)

    name = digest("sizes", _VERSION, rows.fingerprint, made_of)
    found: np.ndarray = np.load(cached(root, f"sizes-{name}", build) / "sizes.npy", mmap_mode="r")
    return found
