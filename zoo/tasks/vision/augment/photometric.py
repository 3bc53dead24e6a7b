"""Colours changed as detection and segmentation do (SSD: Liu et al. 2016, section 3.6)."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance

_BRIGHTNESS, _CONTRAST, _SATURATION = (0.875, 1.125), (0.5, 1.5), (0.5, 1.5)
_HUE = 0.05  # of the circle: 18 degrees


def photometric(
    image: Image.Image, chance: float, rng: np.random.Generator, channels: bool = False
) -> Image.Image:
    """Brightness, contrast, saturation and hue changed, each with its own draw; with `channels`
    they also change places (torchvision's RandomPhotometricDistort).
    """

    def maybe(change: Callable[[Image.Image], Image.Image], now: Image.Image) -> Image.Image:
        return change(now) if rng.random() < chance else now

    def contrast(now: Image.Image) -> Image.Image:
        return ImageEnhance.Contrast(now).enhance(rng.uniform(*_CONTRAST))

    def brightness(now: Image.Image) -> Image.Image:
        return ImageEnhance.Brightness(now).enhance(rng.uniform(*_BRIGHTNESS))

    early = rng.random() < 0.5
    image = maybe(brightness, image)
    image = maybe(contrast, image) if early else image
    if image.mode == "RGB":
        image = maybe(lambda one: ImageEnhance.Color(one).enhance(rng.uniform(*_SATURATION)), image)
        image = maybe(lambda one: _hued(one, rng.uniform(-_HUE, _HUE)), image)
    image = image if early else maybe(contrast, image)
    if channels and image.mode == "RGB":
        image = maybe(lambda one: Image.merge("RGB", _shuffled(one, rng)), image)
    return image


def _hued(image: Image.Image, turn: float) -> Image.Image:
    """Every hue turned by a share of the circle."""
    hue, *others = image.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int64) + round(turn * 256)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), *others)).convert("RGB")


def _shuffled(image: Image.Image, rng: np.random.Generator) -> list[Image.Image]:
    channels = image.split()
    return [channels[place] for place in rng.permutation(len(channels))]
