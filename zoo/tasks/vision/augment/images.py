"""What changes in one image in training: framing, geometry, policies, colours."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance

from zoo.data.image import WHOLE, cut
from zoo.recipe.spec.tasks.vision import Crop, ImageAugment
from zoo.tasks.vision.augment.geometry import affine_map, carried
from zoo.tasks.vision.augment.policies import rand_augmented, trivially_augmented

_CROP_TRIES = 10


def resized_crop(image: Image.Image, size: int, crop: Crop, rng: np.random.Generator) -> np.ndarray:
    """A random box of the image, resized to uint8 (channels, size, size) (Szegedy et al. 2015).

    By torch: a third of Pillow's time, and but for the borders of the box within 1 of it. A large
    JPEG is decoded smaller, and then within what `cut` says.
    """
    exact = crop.interpolation == "nearest"
    values = cut(image, box_of(image.width, image.height, crop, rng), WHOLE if exact else size)
    values = values if values.flags.writeable else values.copy()  # else torch warns
    planes = torch.from_numpy(values).view(*values.shape[:2], -1).permute(2, 0, 1)[None]
    mode = "nearest-exact" if exact else crop.interpolation
    resized = F.interpolate(planes, size=(size, size), mode=mode, antialias=not exact)
    found: np.ndarray = resized[0].contiguous().numpy()
    return found


def repaints(augment: ImageAugment) -> bool:
    """Whether `augmented_image` has anything to do."""
    policy = augment.rand_augment or augment.trivial_augment
    return bool(augment.affine or policy or augment.color_jitter)


def augmented_image(
    image: Image.Image, augment: ImageAugment, fill: tuple[int, ...], rng: np.random.Generator
) -> Image.Image:
    """The image after geometry and colours; what moves in is painted with `fill`."""
    if augment.affine:
        image = carried(image, affine_map(image.size, augment.affine, rng), fill)
    if augment.rand_augment:
        image = rand_augmented(image, augment.rand_augment, fill, rng)
    if augment.trivial_augment:
        image = trivially_augmented(image, fill, rng)
    if augment.color_jitter:
        image = _jittered(image, augment.color_jitter, rng)
    return image


def box_of(
    width: int, height: int, crop: Crop, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """(left, top, right, bottom); the middle of the image when no draw fits into it."""
    for _ in range(_CROP_TRIES):
        area = width * height * rng.uniform(*crop.scale)
        ratio = math.exp(rng.uniform(math.log(crop.ratio[0]), math.log(crop.ratio[1])))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left = int(rng.integers(width - wide + 1))
            top = int(rng.integers(height - high + 1))
            return left, top, left + wide, top + high
    wide = min(width, round(height * crop.ratio[1]))
    high = min(height, round(width / crop.ratio[0]))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def _jittered(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Brightness, contrast and saturation, in that order, each by its own factor."""
    low = max(0.0, 1 - strength)
    brightness, contrast, saturation = rng.uniform(low, 1 + strength, 3)
    image = ImageEnhance.Brightness(image).enhance(brightness)
    image = ImageEnhance.Contrast(image).enhance(contrast)
    if image.mode == "L":
        return image
    return ImageEnhance.Color(image).enhance(saturation)
