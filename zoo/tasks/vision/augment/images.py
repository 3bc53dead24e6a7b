"""What changes in an image in training: framing, flips, colours, geometry, and mixing two."""

import math

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from zoo.recipe.spec.tasks.vision import Affine, Crop, ImageAugment

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_CROP_TRIES = 10


def resized_crop(
    image: Image.Image, size: int, crop: Crop, rng: np.random.Generator
) -> Image.Image:
    """A random box of the image, resized to `size` x `size` (Szegedy et al. 2015)."""
    box = _box(image.width, image.height, crop, rng)
    return image.resize((size, size), _RESAMPLING[crop.interpolation], box=box)


def augmented_image(
    image: Image.Image, augment: ImageAugment, fill: tuple[int, ...], rng: np.random.Generator
) -> Image.Image:
    """The image after geometry, flips and colours; what moves in is painted with `fill`."""
    if augment.affine:
        image = carried(image, affine_map(image.size, augment.affine, rng), fill)
    if augment.hflip and rng.random() < augment.hflip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if augment.vflip and rng.random() < augment.vflip:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if augment.color_jitter:
        image = _jittered(image, augment.color_jitter, rng)
    return image


def mixed(
    pixels: Tensor, augment: ImageAugment, rng: np.random.Generator
) -> tuple[Tensor, Tensor, float]:
    """Every image mixed with the one before: (pixels, index of the partner, share of the image).

    pixels (batch, channels, height, width). Mixup (Zhang et al. 2018) adds, cutmix (Yun et al.
    2019) pastes a box; with both switched on each micro-batch draws one of them.
    """
    partner = torch.arange(len(pixels)).roll(1)  # never itself, as torchvision; rows are shuffled
    cut = augment.cutmix > 0 and (augment.mixup == 0 or rng.random() < 0.5)
    alpha = augment.cutmix if cut else augment.mixup
    share = float(rng.beta(alpha, alpha))
    if not cut:
        return share * pixels + (1 - share) * pixels[partner], partner, share
    height, width = pixels.shape[-2:]
    rows = _side_of_box(height, math.sqrt(1 - share), rng)
    columns = _side_of_box(width, math.sqrt(1 - share), rng)
    result = pixels.clone()
    result[..., rows, columns] = pixels[partner][..., rows, columns]
    pasted = (rows.stop - rows.start) * (columns.stop - columns.start)
    return result, partner, 1 - pasted / (height * width)


def _box(
    width: int, height: int, crop: Crop, rng: np.random.Generator
) -> tuple[float, float, float, float]:
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


def _jittered(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Brightness, contrast and saturation, in that order, each by its own factor."""
    low = max(0.0, 1 - strength)
    brightness, contrast, saturation = rng.uniform(low, 1 + strength, 3)
    image = ImageEnhance.Brightness(image).enhance(brightness)
    image = ImageEnhance.Contrast(image).enhance(contrast)
    if image.mode == "L":
        return image
    return ImageEnhance.Color(image).enhance(saturation)


def _side_of_box(length: int, share: float, rng: np.random.Generator) -> slice:
    """A stretch of about `share` of the length around a random point, cut off at the borders."""
    half = length * share / 2
    centre = rng.uniform(0, length)
    return slice(max(0, round(centre - half)), min(length, round(centre + half)))
