"""Colours changed as detection and segmentation do (SSD: Liu et al. 2016, section 3.6)."""

import numpy as np
from PIL import Image, ImageEnhance

_BRIGHTNESS, _CONTRAST, _SATURATION = (0.875, 1.125), (0.5, 1.5), (0.5, 1.5)
_HUE = 0.05  # of the circle: 18 degrees


def photometric(
    image: Image.Image, chance: float, rng: np.random.Generator, channels: bool = False
) -> Image.Image:
    """Colours changed, each way with its own draw; with `channels` they change places, too
    (torchvision's RandomPhotometricDistort). Gray has neither saturation nor hue.
    """

    def brightness(now: Image.Image) -> Image.Image:
        return ImageEnhance.Brightness(now).enhance(rng.uniform(*_BRIGHTNESS))

    def contrast(now: Image.Image) -> Image.Image:
        return ImageEnhance.Contrast(now).enhance(rng.uniform(*_CONTRAST))

    def saturation(now: Image.Image) -> Image.Image:
        return ImageEnhance.Color(now).enhance(rng.uniform(*_SATURATION))

    def hue(now: Image.Image) -> Image.Image:
        return _hued(now, rng.uniform(-_HUE, _HUE))

    def places(now: Image.Image) -> Image.Image:
        return Image.merge("RGB", [now.split()[place] for place in rng.permutation(3)])

    early = rng.random() < 0.5
    order = (contrast, saturation, hue) if early else (saturation, hue, contrast)
    changes = (brightness, *order, *((places,) if channels else ()))
    for change in changes if image.mode == "RGB" else (brightness, contrast):
        image = change(image) if rng.random() < chance else image
    return image


def _hued(image: Image.Image, turn: float) -> Image.Image:
    """Every hue turned by a share of the circle."""
    hue, *others = image.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int64) + round(turn * 256)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), *others)).convert("RGB")
