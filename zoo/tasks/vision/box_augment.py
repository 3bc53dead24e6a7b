"""What changes in an image together with its boxes in training (SSD: Liu et al. 2016, section 3.6).

A change that would leave an image without its last box is not carried out: the graph of a detector
that learns from noisy copies of boxes must be the same on all ranks.
"""

import math

import numpy as np
from PIL import Image

from zoo.recipe.spec.tasks.detection import BoxAugment
from zoo.recipe.spec.tasks.vision import Affine
from zoo.tasks.vision.augment.photometric import photometric
from zoo.tasks.vision.boxes import Framed, overlaps

Pair = tuple[Image.Image, Framed]

_ZOOM = (1.0, 4.0)  # sides of the canvas over those of the image
_LEAST_OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)  # 1: the image as it is
_CROP_SIDES, _CROP_RATIOS, _CROP_TRIES = (0.3, 1.0), (0.5, 2.0), 40
_SEEN = 0.25  # least share of a box's area that must stay in the image


def augmented(
    image: Image.Image,
    found: Framed,
    augment: BoxAugment,
    fill: tuple[int, int, int],
    rng: np.random.Generator,
) -> Pair:
    """An RGB image and its objects after all that is asked for; `fill` paints what moves in."""
    if augment.photometric:
        image = photometric(image, augment.photometric, rng, channels=True)
    if rng.random() < augment.zoom_out:
        image, found = zoomed_out(image, found, fill, rng)
    if rng.random() < augment.iou_crop:
        image, found = iou_cropped(image, found, rng)
    if augment.affine:
        image, found = moved(image, found, augment.affine, fill, rng)
    if rng.random() < augment.hflip:
        image, found = flipped(image, found)
    if rng.random() < augment.vflip:
        image, found = turned_over(image, found)
    return image, found


def flipped(image: Image.Image, found: Framed) -> Pair:
    """Left and right change places."""
    corners = found.corners.copy()
    corners[:, [0, 2]] = image.width - corners[:, [2, 0]]
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), found._replace(corners=corners)


def turned_over(image: Image.Image, found: Framed) -> Pair:
    """Top and bottom change places."""
    corners = found.corners.copy()
    corners[:, [1, 3]] = image.height - corners[:, [3, 1]]
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), found._replace(corners=corners)


def zoomed_out(
    image: Image.Image, found: Framed, fill: tuple[int, int, int], rng: np.random.Generator
) -> Pair:
    """The image somewhere on a larger canvas (torchvision's RandomZoomOut)."""
    ratio = rng.uniform(*_ZOOM)
    width, height = int(image.width * ratio), int(image.height * ratio)
    left = int(rng.integers(width - image.width + 1))
    top = int(rng.integers(height - image.height + 1))
    canvas = Image.new("RGB", (width, height), fill)
    canvas.paste(image, (left, top))
    corners = found.corners + np.array([left, top, left, top])
    return canvas, found._replace(corners=corners)


def iou_cropped(image: Image.Image, found: Framed, rng: np.random.Generator) -> Pair:
    """A part of the image that overlaps some box by a drawn share or more (torchvision's
    RandomIoUCrop); boxes stay whose middle is in it.
    """
    if not len(found.classes):
        return image, found
    while (least := _LEAST_OVERLAPS[rng.integers(len(_LEAST_OVERLAPS))]) < 1:
        for _ in range(_CROP_TRIES):
            part = _part(image.width, image.height, rng)
            if part is None:
                continue
            inside = _with_middle_in(found, part)
            if len(inside.classes) and overlaps(inside.corners, part).max() >= least:
                return _cut(image, inside, part)
    return image, found


def moved(
    image: Image.Image,
    found: Framed,
    affine: Affine,
    fill: tuple[int, int, int],
    rng: np.random.Generator,
) -> Pair:
    """Rotation and scale around the middle, then a shift; a box becomes the upright one around its
    turned corners, and is lost with less than a quarter of that in the image.
    """
    angle = math.radians(rng.uniform(-affine.degrees, affine.degrees))
    scale = rng.uniform(*affine.scale)
    shift = rng.uniform(-affine.translate, affine.translate, 2) * image.size
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle = np.array(image.size) / 2
    points = found.corners[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]  # (boxes, 4, 2)
    points = (points - middle) @ (scale * turn).T + middle + shift
    whole = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    inside = whole.clip(0, [*image.size, *image.size])
    seen = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    kept = seen >= _SEEN * (whole[:, 2:] - whole[:, :2]).prod(axis=1)
    if len(kept) and not kept.any():
        return image, found
    back = turn.T / scale  # Pillow wants the map from new to old
    offset = middle - back @ (middle + shift)
    picture = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (*back[0], offset[0], *back[1], offset[1]),
        Image.Resampling.BILINEAR,
        fillcolor=fill,
    )
    return picture, found._replace(corners=inside).chosen(np.flatnonzero(kept))


def _part(width: int, height: int, rng: np.random.Generator) -> np.ndarray | None:
    """Corners (4,) of a drawn part of an image; None where it is too long or empty."""
    wide, high = (int(side * rng.uniform(*_CROP_SIDES)) for side in (width, height))
    if not wide or not high or not _CROP_RATIOS[0] <= wide / high <= _CROP_RATIOS[1]:
        return None
    left, top = int((width - wide) * rng.random()), int((height - high) * rng.random())
    return np.array([left, top, left + wide, top + high], dtype=np.float64)


def _with_middle_in(found: Framed, part: np.ndarray) -> Framed:
    middle = (found.corners[:, :2] + found.corners[:, 2:]) / 2
    return found.chosen(np.flatnonzero(((part[:2] < middle) & (middle < part[2:])).all(axis=1)))


def _cut(image: Image.Image, found: Framed, part: np.ndarray) -> Pair:
    left, top, right, bottom = (int(value) for value in part)
    corners = found.corners - np.array([left, top, left, top])
    inside = corners.clip(0, [right - left, bottom - top] * 2)
    return image.crop((left, top, right, bottom)), found._replace(corners=inside)
