"""Boxes of one image: from the format of the data to corners in pixels, and on to what models read.

Corners are float64 (boxes, 4): left, top, right, bottom.
"""

from typing import NamedTuple

import numpy as np

from zoo.data.objects import Objects
from zoo.data.rows import CorruptExample

LEAST = 1e-3  # pixels of width or height below which there is nothing to see
_OUTSIDE = 1.0  # pixels that a box may reach out of its image unsaid: formats round


class Framed(NamedTuple):
    """The objects of an image that have an area inside of it; arrays of one entry an object."""

    corners: np.ndarray
    classes: np.ndarray
    """int64, class ids."""
    crowd: np.ndarray
    areas: np.ndarray
    """Square pixels, as the data says or else the box's own."""

    def chosen(self, places: np.ndarray) -> "Framed":
        """Some of the objects."""
        return Framed(*(part[places] for part in self))


def framed(objects: Objects, style: str, width: int, height: int) -> tuple[Framed, dict[str, bool]]:
    """The objects of an image, cut at its borders, and whether some were cut ("clipped") or have
    no area in it ("broken").

    Raises CorruptExample for a box that is no numbers.
    """
    if not np.isfinite(objects.boxes).all():
        raise CorruptExample(f"a box that is no number: {objects.boxes.tolist()}")
    corners = corners_of(objects.boxes, style, width, height)
    limits = np.array([width, height, width, height], dtype=np.float64)
    inside = corners.clip(0, limits)
    sides = inside[:, 2:] - inside[:, :2]
    kept = (sides >= LEAST).all(axis=1)
    cut = np.abs(inside - corners).max(axis=1, initial=0) > _OUTSIDE
    areas = np.where(np.isnan(objects.areas), sides.prod(axis=1), objects.areas)
    classes = np.array(objects.classes, dtype=np.int64)
    found = Framed(inside, classes, objects.crowd, areas).chosen(np.flatnonzero(kept))
    return found, {"clipped": bool((cut & kept).any()), "broken": bool((~kept).any())}


def corners_of(boxes: np.ndarray, style: str, width: int, height: int) -> np.ndarray:
    """Boxes of a format that `task.box_format` names as corners in pixels, float64 (boxes, 4)."""
    first, second = boxes[:, :2], boxes[:, 2:]
    if style == "coco":
        corners = np.concatenate([first, first + second], axis=1)
    elif style == "yolo":
        corners = np.concatenate([first - second / 2, first + second / 2], axis=1)
    else:
        corners = boxes
    shares = style in ("yolo", "albumentations")
    return corners * [width, height, width, height] if shares else corners


def as_shares(corners: np.ndarray, width: int, height: int) -> np.ndarray:
    """Middle, width and height as shares of the image, float32 (boxes, 4): what DETRs read."""
    first, second = corners[:, :2], corners[:, 2:]
    middle = np.concatenate([(first + second) / 2, second - first], axis=1)
    return (middle / [width, height, width, height]).astype(np.float32)


def as_corners(shares: np.ndarray, width: float, height: float) -> np.ndarray:
    """The corners in pixels of what `as_shares` gives, float64 (boxes, 4)."""
    middle, sides = shares[:, :2].astype(np.float64), shares[:, 2:].astype(np.float64)
    corners = np.concatenate([middle - sides / 2, middle + sides / 2], axis=1)
    return corners * [width, height, width, height]


def overlaps(corners: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Intersection over union of each box with another one, (boxes,)."""
    first = np.maximum(corners[:, :2], one[:2])
    second = np.minimum(corners[:, 2:], one[2:])
    shared = (second - first).clip(0).prod(axis=1)
    sizes = (corners[:, 2:] - corners[:, :2]).prod(axis=1) + (one[2:] - one[:2]).prod()
    found: np.ndarray = shared / (sizes - shared)
    return found
