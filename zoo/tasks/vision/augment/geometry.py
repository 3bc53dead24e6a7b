"""Where the pixels of an image come from when it is turned, moved and scaled."""

import math

import numpy as np
from PIL import Image

from zoo.recipe.spec.tasks.vision import Affine


def affine_map(
    size: tuple[int, int], affine: Affine, rng: np.random.Generator
) -> tuple[float, ...]:
    """Rotation and scale around the middle of an image (width, height), then a shift: the six
    numbers of the map from new places to old ones.
    """
    angle = math.radians(rng.uniform(-affine.degrees, affine.degrees))
    scale = rng.uniform(*affine.scale)
    right, down = rng.uniform(-affine.translate, affine.translate, 2) * size
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    x, y = size[0] / 2, size[1] / 2
    return (
        cosine,
        sine,
        x - cosine * (x + right) - sine * (y + down),
        -sine,
        cosine,
        y + sine * (x + right) - cosine * (y + down),
    )


def carried(
    image: Image.Image,
    where: tuple[float, ...],
    fill: tuple[int, ...],
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> Image.Image:
    """An image whose places came from elsewhere (`affine_map`); `fill` paints what moves in."""
    paint = fill if len(fill) > 1 else fill[0]
    return image.transform(image.size, Image.Transform.AFFINE, where, resample, fillcolor=paint)
