"""Images: decoding, and what may change in one; every draw comes from the generator handed in.

Images are PIL RGB; the pixels made up outside an image are black.
"""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from zoo.data.rows import CorruptExample

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_TRIES = 10  # draws of a crop before the middle of the image is taken


def decode_image(source: bytes | Path) -> Image.Image:
    """The image as RGB; raises CorruptExample for one that is missing, truncated or no image."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        named = f"{len(source)} bytes" if isinstance(source, bytes) else source
        raise CorruptExample(f"{named} ({error})") from error


def random_resized_crop(
    image: Image.Image,
    size: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    interpolation: str,
    rng: np.random.Generator,
) -> Image.Image:
    """A crop of a random area (share of the image's) and shape, resized to size x size.

    As in Inception and torchvision: the logarithm of width over height is uniform.
    """
    width, height = image.size
    left, top, wide, high = _centred(width, height, ratio)
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*scale)
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            wide, high = w, h
            break
    box = (left, top, left + wide, top + high)
    return image.resize((size, size), INTERPOLATIONS[interpolation], box=box)


def _centred(width: int, height: int, ratio: tuple[float, float]) -> tuple[int, int, int, int]:
    """The largest middle part whose width over height lies in `ratio`: left, top, width, height."""
    wide = min(width, round(height * ratio[1]))
    high = min(height, round(width / ratio[0]))
    return (width - wide) // 2, (height - high) // 2, wide, high


def resize(image: Image.Image, size: int, interpolation: str = "bilinear") -> Image.Image:
    """The whole image as size x size, its shape not kept."""
    return image.resize((size, size), INTERPOLATIONS[interpolation])


def resize_and_crop(
    image: Image.Image, size: int, crop_ratio: float, interpolation: str = "bilinear"
) -> Image.Image:
    """The shorter side resized to size / crop_ratio, then the middle size x size of it."""
    scale = size / crop_ratio / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    resized = image.resize((width, height), INTERPOLATIONS[interpolation])
    left, top = (width - size) // 2, (height - size) // 2
    return resized.crop((left, top, left + size, top + size))


def random_flip(
    image: Image.Image, horizontal: float, vertical: float, rng: np.random.Generator
) -> Image.Image:
    """Mirrored left-right and upside-down with the two probabilities."""
    mirror, upend = rng.random(2) < (horizontal, vertical)
    if mirror:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if upend else image


def color_jitter(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Brightness, contrast, saturation in random order, by factors 1 - strength to 1 + strength."""
    changes = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    factors = rng.uniform(max(0.0, 1 - strength), 1 + strength, len(changes))
    for number in rng.permutation(len(changes)):
        image = changes[number](image).enhance(float(factors[number]))
    return image


def random_affine(
    image: Image.Image,
    degrees: float,
    translate: float,
    scale: tuple[float, float],
    rng: np.random.Generator,
) -> Image.Image:
    """Turned and scaled about the middle, and shifted by up to a share `translate` of each side."""
    angle = math.radians(rng.uniform(-degrees, degrees))
    shift = rng.uniform(-translate, translate, 2) * image.size
    zoom = rng.uniform(*scale)
    x, y = image.width / 2, image.height / 2
    # Pillow wants, for a point of the result, the point of the original it comes from.
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    dx, dy = x + shift[0], y + shift[1]
    matrix = (cos, sin, x - cos * dx - sin * dy, -sin, cos, y + sin * dx - cos * dy)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def pixels(image: Image.Image, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """Normalised pixels, float32 (3, height, width): (value / 255 - mean) / std by channel."""
    values = np.asarray(image, dtype=np.float32) / 255
    normal = (values - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))
