"""Built-in `shapes`: squares, discs and triangles of random colours on 64x64 pixels, with noise.

An image is drawn from its index alone. It shows one to three shapes that do not overlap, 12 to 26
pixels wide and high, each in a colour that the background's is far from. Detection reads `objects`,
segmentation `mask`: colours tell nothing of the class.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from zoo.data.objects import Objects
from zoo.data.rows import Row, Rows, digest
from zoo.data.sources.opened import Opened, Wanted

SHAPES = ("square", "disc", "triangle")
BACKGROUND = "background"  # class 0 of a mask, whose shapes begin with 1
SIDE = 64
_SIDES = (12, 26)  # of a shape, both included
_MOST = 3
_TRIES = 20
_CONTRAST = 0.4  # at least, between a shape and the background: distance of colours in 0..1
_NOISE = 0.03
_IMAGES = {"train": 8000, "validation": 200, "test": 400}
_VERSION = 1


class Shape(NamedTuple):
    """One shape: its number among SHAPES, and its square in pixels."""

    number: int
    left: int
    top: int
    side: int

    def covers(self) -> np.ndarray:
        """Which pixels of the image it covers, bool (64, 64), by their centres."""
        centres = np.arange(SIDE) + 0.5
        across = (centres - self.left)[None, :] / self.side  # 0..1 inside
        down = (centres - self.top)[:, None] / self.side
        inside = (across > 0) & (across < 1) & (down > 0) & (down < 1)
        if SHAPES[self.number] == "disc":
            inside &= (across - 0.5) ** 2 + (down - 0.5) ** 2 < 0.25
        elif SHAPES[self.number] == "triangle":
            inside &= abs(across - 0.5) < down / 2
        return inside

    def meets(self, other: "Shape") -> bool:
        """Whether the two squares overlap."""
        across = self.left < other.left + other.side and other.left < self.left + self.side
        return across and self.top < other.top + other.side and other.top < self.top + self.side


class ShapeRows(Rows):
    """Images of one split, with what `roles` asks for: boxes [x, y, width, height] in pixels and
    the number of the shape, or a mask of class ids (mode L).
    """

    def __init__(self, split: str, roles: frozenset[str]) -> None:
        self.number, self.count = list(_IMAGES).index(split), _IMAGES[split]
        self.roles = roles
        self.fingerprint = digest("shapes", _VERSION, split, sorted(roles))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Row:
        rng = np.random.default_rng([_VERSION, self.number, index])
        shapes = _drawn(rng)
        pixels = np.empty((SIDE, SIDE, 3))
        pixels[:] = background = rng.random(3)
        mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
        for shape in shapes:
            covered = shape.covers()
            pixels[covered] = _colour(background, rng)
            mask[covered] = shape.number + 1
        pixels += _NOISE * rng.standard_normal(pixels.shape)
        boxes = [(one.left, one.top, one.side, one.side) for one in shapes]
        row = {
            "image": Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8)),
            "objects": Objects.of(boxes, [one.number for one in shapes]),
            "mask": Image.fromarray(mask),
        }
        return {role: row[role] for role in self.roles}


def _drawn(rng: np.random.Generator) -> list[Shape]:
    """One to three shapes side by side; a shape for which no place is found is left out."""
    shapes: list[Shape] = []
    for _ in range(int(rng.integers(1, _MOST + 1))):
        number = int(rng.integers(len(SHAPES)))
        side = int(rng.integers(_SIDES[0], _SIDES[1] + 1))
        for _ in range(_TRIES):
            left, top = rng.integers(0, SIDE - side + 1, 2).tolist()
            shape = Shape(number, left, top, side)
            if not any(map(shape.meets, shapes)):
                shapes.append(shape)
                break
    return shapes


def _colour(background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A colour (3,) that can be told from the background."""
    while True:
        colour = rng.random(3)
        if np.linalg.norm(colour - background) >= _CONTRAST:
            return colour


def open_shapes(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (8,000 images), validation (200) and test (400)."""
    every = ("image", "objects", "mask")
    choice = wanted.chosen(every) or every
    rows = ShapeRows(split, frozenset(choice))
    if "objects" not in choice:
        return Opened(rows, label_names=(BACKGROUND, *SHAPES))
    return Opened(rows, frozenset(range(len(SHAPES))), SHAPES)
