"""What changes in the values of a micro-batch in training: hidden, smaller, mixed."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.recipe.spec.tasks.vision import Erasing, ImageAugment

_TRIES = 10


def erased(pixels: Tensor, erasing: Erasing, rng: np.random.Generator) -> Tensor:
    """Values (batch, channels, height, width) with a rectangle hidden in some images."""
    height, width = pixels.shape[-2:]
    result = pixels.clone()
    for image in result:
        if rng.random() >= erasing.probability:
            continue
        for _ in range(_TRIES):
            area = height * width * rng.uniform(*erasing.area)
            low, high = map(math.log, erasing.ratio)
            ratio = math.exp(rng.uniform(low, high))
            tall, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if tall < height and wide < width:
                top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
                hidden = image[:, top : top + tall, left : left + wide]
                hidden.copy_(_put_there(tuple(hidden.shape), erasing.mode, rng))
                break
    return result


def _put_there(shape: tuple[int, ...], mode: str, rng: np.random.Generator) -> Tensor:
    if mode == "constant":
        return torch.zeros(shape)
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def of_drawn_size(pixels: Tensor, sizes: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """All images of a micro-batch in one of these sizes."""
    size = int(rng.choice(sizes))
    if size == pixels.shape[-1]:
        return pixels
    return F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)


def mixed(
    pixels: Tensor, augment: ImageAugment, rng: np.random.Generator
) -> tuple[Tensor, Tensor, float]:
    """Every image mixed with the one before: (pixels, index of the partner, share of the image).

    pixels (batch, channels, height, width). Mixup (Zhang et al. 2018) adds, cutmix (Yun et al.
    2019) pastes a box; with both switched on each micro-batch draws one of them. One that is not
    mixed has shares of 1.
    """
    partner = torch.arange(len(pixels)).roll(1)  # never itself, as torchvision; rows are shuffled
    if augment.mix_probability < 1 and rng.random() >= augment.mix_probability:
        return pixels, partner, 1.0
    both = augment.cutmix > 0 and augment.mixup > 0
    cut = rng.random() < augment.switch_probability if both else augment.cutmix > 0
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


def _side_of_box(length: int, share: float, rng: np.random.Generator) -> slice:
    """A stretch of about `share` of the length around a random point, cut off at the borders."""
    half = length * share / 2
    centre = rng.uniform(0, length)
    return slice(max(0, round(centre - half)), min(length, round(centre + half)))
