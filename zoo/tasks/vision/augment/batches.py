"""What changes in a micro-batch in training: flipped, smaller, hidden, mixed.

A worker draws it, as a few numbers (`drawn`); they are carried out where the model is.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.recipe.spec.tasks.vision import Erasing, ImageAugment

_TRIES = 10


def drawn_flips(augment: ImageAugment, rng: np.random.Generator) -> list[bool]:
    """Whether an image is turned over, left to right and upside down."""
    chances = (augment.hflip, augment.vflip)
    return [bool(chance and rng.random() < chance) for chance in chances]


def drawn(
    augment: ImageAugment, shape: tuple[int, ...], rng: np.random.Generator
) -> dict[str, Any]:
    """What changes in pixels (batch, channels, height, width), by name; nothing else does."""
    found: dict[str, Any] = {}
    if augment.sizes:
        found["size"] = int(rng.choice(augment.sizes))
        shape = (*shape[:2], found["size"], found["size"])
    if augment.erasing:
        found["hidden"] = drawn_boxes(augment.erasing, shape, rng)
    if augment.mixup or augment.cutmix:
        found["mixed"] = drawn_mix(augment, shape[-2:], rng)
    return found


def flipped(pixels: Tensor, changes: Mapping[str, Any]) -> Tensor:
    """Pixels (batch, channels, height, width), those turned over that "flips" (batch, 2) names."""
    if "flips" not in changes:
        return pixels
    for way, axis in ((0, 3), (1, 2)):
        chosen = changes["flips"][:, way].view(-1, 1, 1, 1)
        pixels = torch.where(chosen, pixels.flip(axis), pixels)
    return pixels


def changed(values: Tensor, changes: Mapping[str, Any]) -> Tensor:
    """Values (batch, channels, height, width) after all else that was drawn; they are changed
    themselves.
    """
    size = changes.get("size", values.shape[-1])
    if size != values.shape[-1]:
        values = F.interpolate(values, size=(size, size), mode="bilinear", antialias=True)
    if "hidden" in changes:
        hide(values, **changes["hidden"])
    if "mixed" in changes:
        mix(values, **changes["mixed"])
    return values


def drawn_boxes(
    erasing: Erasing, shape: tuple[int, ...], rng: np.random.Generator
) -> dict[str, Any]:
    """Rectangles in some images: "boxes" (image, top, bottom, left, right), and the "noise" that is
    put there, for one after the other, float32 (values,); none: zeros.
    """
    count, channels, height, width = shape
    boxes: list[list[int]] = []
    for image in range(count):
        if rng.random() >= erasing.probability:
            continue
        for _ in range(_TRIES):
            area = height * width * rng.uniform(*erasing.area)
            low, high = map(math.log, erasing.ratio)
            ratio = math.exp(rng.uniform(low, high))
            tall, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if tall < height and wide < width:
                top = int(rng.integers(height - tall + 1))
                left = int(rng.integers(width - wide + 1))
                boxes.append([image, top, top + tall, left, left + wide])
                break
    if erasing.mode == "constant":
        return {"boxes": boxes, "noise": None}
    values = sum((bottom - top) * (right - left) for _, top, bottom, left, right in boxes)
    noise = rng.standard_normal(values * channels, dtype=np.float32)
    return {"boxes": boxes, "noise": torch.from_numpy(noise)}


def hide(values: Tensor, boxes: list[list[int]], noise: Tensor | None) -> None:
    """Carries out what `drawn_boxes` says."""
    start = 0
    for image, top, bottom, left, right in boxes:
        box = values[image, :, top:bottom, left:right]
        if noise is None:
            box.zero_()
            continue
        box.copy_(noise[start : start + box.numel()].view_as(box))
        start += box.numel()


def partners(values: Tensor) -> Tensor:
    """With what each entry of a micro-batch is mixed: the one before it.

    Never itself, as in torchvision; rows are shuffled.
    """
    return values.roll(1, 0)


def drawn_mix(
    augment: ImageAugment, size: tuple[int, ...], rng: np.random.Generator
) -> dict[str, Any]:
    """How all images of (height, width) are mixed with their partners: the "share" that is left of
    each, and the "box" (top, bottom, left, right) that is pasted, if it is one.

    Mixup (Zhang et al. 2018) adds, cutmix (Yun et al. 2019) pastes a box; with both switched on
    each micro-batch draws one of them. One that is not mixed has shares of 1.
    """
    if augment.mix_probability < 1 and rng.random() >= augment.mix_probability:
        return {"share": 1.0, "box": None}
    both = augment.cutmix > 0 and augment.mixup > 0
    cut = rng.random() < augment.switch_probability if both else augment.cutmix > 0
    alpha = augment.cutmix if cut else augment.mixup
    share = float(rng.beta(alpha, alpha))
    if not cut:
        return {"share": share, "box": None}
    (top, bottom), (left, right) = (_side_of_box(n, math.sqrt(1 - share), rng) for n in size)
    pasted = (bottom - top) * (right - left)
    return {"share": 1 - pasted / math.prod(size), "box": [top, bottom, left, right]}


def mix(values: Tensor, share: float, box: list[int] | None) -> None:
    """Carries out what `drawn_mix` says."""
    if box is not None:
        top, bottom, left, right = box
        place = values[..., top:bottom, left:right]
        place.copy_(partners(place))
    elif share < 1:
        other = partners(values)
        values.mul_(share).add_(other, alpha=1 - share)


def _side_of_box(length: int, share: float, rng: np.random.Generator) -> tuple[int, int]:
    """A stretch of about `share` of the length around a random point, cut off at the borders."""
    half = length * share / 2
    centre = rng.uniform(0, length)
    return max(0, round(centre - half)), min(length, round(centre + half))
