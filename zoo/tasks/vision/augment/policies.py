"""Policies: changes of an image drawn from one list, at a drawn strength.

RandAugment as timm's `rand-m9-mstd0.5-inc1` (timm/data/auto_augment.py; Cubuk et al. 2020), whose
strength m runs to 10; TrivialAugment as torchvision's TrivialAugmentWide (Mueller and Hutter 2021).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from zoo.recipe.spec.tasks.vision import RandAugment
from zoo.tasks.vision.augment.geometry import carried

Fill = tuple[int, ...]
Change = Callable[[Image.Image, float, Fill], Image.Image]
Strength = Callable[[float, np.random.Generator], float]
"""Of a draw of 0..1 (1: the strongest) what the change takes."""

_STRONGEST = 10  # timm's magnitudes
_BINS = 31  # torchvision's
_SHARES = ("translate_x", "translate_y")
_TRANSLATED = 32 / 224  # torchvision's 32 pixels of its image


def rand_augmented(
    image: Image.Image, policy: RandAugment, fill: Fill, rng: np.random.Generator
) -> Image.Image:
    """`num_ops` changes out of fifteen, each with its probability."""
    names = list(_RAND)
    for name in rng.choice(names, policy.num_ops):
        if rng.random() >= policy.probability:
            continue
        drawn = rng.normal(policy.magnitude, policy.std) if policy.std else policy.magnitude
        level = min(max(drawn, 0.0), _STRONGEST) / _STRONGEST
        image = _CHANGES[name](image, _RAND[name](level, rng), fill)
    return image


def trivially_augmented(image: Image.Image, fill: Fill, rng: np.random.Generator) -> Image.Image:
    """One change, or none, at a strength drawn evenly."""
    name = rng.choice(list(_TRIVIAL))
    level = int(rng.integers(_BINS)) / (_BINS - 1)
    return _CHANGES[name](image, _TRIVIAL[name](level, rng), fill)


def _sheared_x(image: Image.Image, by: float, fill: Fill) -> Image.Image:
    return carried(image, (1, by, 0, 0, 1, 0), fill)


def _sheared_y(image: Image.Image, by: float, fill: Fill) -> Image.Image:
    return carried(image, (1, 0, 0, by, 1, 0), fill)


def _translated_x(image: Image.Image, by: float, fill: Fill) -> Image.Image:
    return carried(image, (1, 0, by * image.width, 0, 1, 0), fill)


def _translated_y(image: Image.Image, by: float, fill: Fill) -> Image.Image:
    return carried(image, (1, 0, 0, 0, 1, by * image.height), fill)


def _rotated(image: Image.Image, degrees: float, fill: Fill) -> Image.Image:
    paint = fill if len(fill) > 1 else fill[0]
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=paint)


def _posterized(image: Image.Image, bits: float, fill: Fill) -> Image.Image:
    return image if bits >= 8 else ImageOps.posterize(image, round(bits))


def _solarized(image: Image.Image, threshold: float, fill: Fill) -> Image.Image:
    return ImageOps.solarize(image, round(threshold))


def _lightened(image: Image.Image, by: float, fill: Fill) -> Image.Image:
    """Dark pixels are made lighter (timm's SolarizeAdd)."""
    return image.point(lambda one: min(255, one + round(by)) if one < 128 else one)


def _enhanced(kind: Callable[[Image.Image], Any]) -> Change:
    return lambda image, factor, fill: kind(image).enhance(factor)


def _plain(change: Callable[[Image.Image], Image.Image]) -> Change:
    return lambda image, strength, fill: change(image)


_CHANGES: Mapping[str, Change] = {
    "identity": _plain(Image.Image.copy),
    "auto_contrast": _plain(ImageOps.autocontrast),
    "equalize": _plain(ImageOps.equalize),
    "invert": _plain(ImageOps.invert),
    "rotate": _rotated,
    "posterize": _posterized,
    "solarize": _solarized,
    "solarize_add": _lightened,
    "color": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear_x": _sheared_x,
    "shear_y": _sheared_y,
    "translate_x": _translated_x,
    "translate_y": _translated_y,
}


def _either_way(most: float) -> Strength:
    """Up to `most`, in one direction or the other."""
    return lambda level, rng: level * most * (1 if rng.random() < 0.5 else -1)


def _around_one(most: float) -> Strength:
    """A factor up to `most` away from 1."""
    return lambda level, rng: max(0.1, 1 + _either_way(most)(level, rng))


def _falling(start: float, by: float) -> Strength:
    """From `start` down by so much."""
    return lambda level, rng: start - math.floor(level * by)


def _nothing(level: float, rng: np.random.Generator) -> float:
    return 0.0


_RAND: Mapping[str, Strength] = {
    "auto_contrast": _nothing,
    "equalize": _nothing,
    "invert": _nothing,
    "rotate": _either_way(30.0),
    "posterize": _falling(4, 4),
    "solarize": _falling(256, 256),
    "solarize_add": lambda level, rng: min(128, math.floor(level * 110)),
    **dict.fromkeys(("color", "contrast", "brightness", "sharpness"), _around_one(0.9)),
    **dict.fromkeys(("shear_x", "shear_y"), _either_way(0.3)),
    **dict.fromkeys(_SHARES, _either_way(0.45)),
}
_TRIVIAL: Mapping[str, Strength] = {
    "identity": _nothing,
    "auto_contrast": _nothing,
    "equalize": _nothing,
    "rotate": _either_way(135.0),
    "posterize": lambda level, rng: 8 - round(level * 6),
    "solarize": lambda level, rng: 255 * (1 - level),
    **dict.fromkeys(
        ("color", "contrast", "brightness", "sharpness"),
        lambda level, rng: 1 + _either_way(0.99)(level, rng),
    ),
    **dict.fromkeys(("shear_x", "shear_y"), _either_way(0.99)),
    **dict.fromkeys(_SHARES, _either_way(_TRANSLATED)),
}
