"""Built-in `digits`: scikit-learn's 1,797 handwritten digits, 8x8 pixels, as RGB images."""

from functools import cache
from pathlib import Path

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

    def __init__(self, split: str) -> None:
        start, end = _BOUNDS[split]
        pixels, digits = _digits()
        chosen = np.random.default_rng(_SEED).permutation(len(pixels))[start:end]
        self.pixels = np.round(pixels[chosen] * (255 / 16)).astype(np.uint8)  # (rows, 8, 8)
        self.digits = digits[chosen]
        self.fingerprint = digest("digits", self.pixels.tobytes(), self.digits.tolist())

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Row:
        image = Image.fromarray(self.pixels[index]).convert("RGB")
        return {"image": image, "label": int(self.digits[index])}


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # a second of imports, only for those who use it

    found = load_digits()
    return found.images, found.target


def open_digits(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (1,257 images), validation (180) and test (360)."""
    names = tuple(str(digit) for digit in range(10))
    return Opened(DigitRows(split), frozenset(range(10)), names)
