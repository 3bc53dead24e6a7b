"""Built-in `digits`: scikit-learn's 1,797 handwritten digits, 8x8 pixels, as RGB images.

Where a row may have several labels those are the powers of two that add up to the digit; where
labels are numbers, the digit is one.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.rows import Row, Rows, digest
from zoo.data.sources.opened import Opened, Wanted

# 1,437 / 360 images as in the measurements, a seeded draw; validation is cut off the 1,437.
_BOUNDS = {"train": (0, 1257), "validation": (1257, 1437), "test": (1437, 1797)}
_SEED = 0


class DigitRows(Rows):
    """Images with gray levels 0..16 scaled to 0..255, and their digit as label."""

    roles = frozenset({"image", "label"})

    def __init__(self, split: str, label: Callable[[int], Any] = int) -> None:
        start, end = _BOUNDS[split]
        pixels, digits = _digits()
        chosen = np.random.default_rng(_SEED).permutation(len(pixels))[start:end]
        self.pixels = np.round(pixels[chosen] * (255 / 16)).astype(np.uint8)  # (rows, 8, 8)
        self.labels = [label(int(digit)) for digit in digits[chosen]]
        self.fingerprint = digest("digits", self.pixels.tobytes(), self.labels)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Row:
        image = Image.fromarray(self.pixels[index]).convert("RGB")
        return {"image": image, "label": self.labels[index]}


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # a second of imports, only for those who use it

    found = load_digits()
    return found.images, found.target


def open_digits(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (1,257 images), validation (180) and test (360)."""
    if not wanted.classes:
        return Opened(DigitRows(split, lambda digit: (float(digit),)))
    if wanted.several:
        powers = ("1", "2", "4", "8")
        return Opened(DigitRows(split, _powers), frozenset(range(4)), powers)
    names = tuple(str(digit) for digit in range(10))
    return Opened(DigitRows(split), frozenset(range(10)), names)


def _powers(digit: int) -> tuple[int, ...]:
    return tuple(power for power in range(4) if digit >> power & 1)
