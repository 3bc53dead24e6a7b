"""How an image becomes pixel values in evaluation, here and in the exported folder alike."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.vision import CROP_RATIO, ImageClassificationSpec
from zoo.tasks.brought import beside_weights, brought
from zoo.tasks.roles import fault
from zoo.tasks.vision.own_transform import NoSquare, changed, differs, own_transform, scaled
from zoo.tasks.vision.planes import planes_of, stacked
from zoo.tasks.vision.scaling import Scaling, scaling_words


class Pixels(Protocol):
    """From an image of `mode` to a square of bytes, and from many of those to values."""

    @property
    def mode(self) -> str:
        """The Pillow mode with as many channels as the model reads."""

    @property
    def fill(self) -> tuple[int, ...]:
        """The colour, a byte a channel, whose values lie nearest to 0."""

    def frame(self, image: Image.Image, size: int) -> Image.Image:
        """The image as evaluation sees it, `size` x `size`."""

    def values(self, pixels: Tensor) -> Tensor:
        """uint8 (batch, channels, height, width) as float32, wherever they are."""

    def processor(self, size: int) -> Any:
        """A transformers processor that does all this."""


@dataclass(frozen=True)
class CentreCrop(Scaling):
    """Resized until `size / crop_ratio` is the shorter edge, then cut out of the middle."""

    crop_ratio: float

    def frame(self, image: Image.Image, size: int) -> Image.Image:
        """See Pixels: as transformers cuts it."""
        edge = shortest_edge(size, self.crop_ratio)
        width, height = image.size
        short = min(width, height)
        width, height = (int(edge * width / short), int(edge * height / short))
        left, top = (width - size) // 2, (height - size) // 2
        resized = self.resized(image, height, width)
        return resized.crop((left, top, left + size, top + size))

    def processor(self, size: int) -> BitImageProcessorPil:
        """See Pixels.

        BiT's is the one class that says all three in keys of its own; it needs no torchvision.
        """
        return BitImageProcessorPil(
            size={"shortest_edge": shortest_edge(size, self.crop_ratio)},
            crop_size={"height": size, "width": size},
            **self.words(),
        )


def shortest_edge(size: int, crop_ratio: float) -> int:
    """To what the shorter edge is resized before `size` pixels of its middle are cut out (timm)."""
    return math.floor(size / crop_ratio)


def build_pixels(
    recipe: Recipe, model_type: str, channels: int
) -> tuple[Pixels | None, list[Fault]]:
    """The evaluation transform, and what is wrong with it.

    `model.name`'s own where it brings one and `task.crop_ratio` is absent; else a centre crop with
    the scaling of the name, or of the family. `model.processor` changes the scaling of either.
    """
    own = brought(recipe, AutoImageProcessor, backend="pil")
    values, faults = scaling_words(recipe, own, model_type, channels)
    spec = recipe.task
    assert isinstance(spec, ImageClassificationSpec)
    crop = CentreCrop(**values, crop_ratio=spec.crop_ratio or CROP_RATIO)
    if own is None or faults:
        return crop, faults
    said = {key: value for key, value in crop.words().items() if key in recipe.model.processor}
    given = changed(own, {**_of_channels(own, crop), **said})
    if spec.crop_ratio is not None:
        return crop, _scaling_faults(recipe, given, crop)
    try:
        sizes = dict.fromkeys((spec.image_size, spec.eval_image_size))
        return own_transform(given, sizes, channels), []
    except NoSquare as error:
        found = f"nothing, and the {type(own).__name__} of {recipe.model.name} {error}"
        allowed = "a number: how much of an evaluation image is kept"
        return None, [fault(recipe, "task.crop_ratio", found, allowed)]


def said_of_weights(recipe: Recipe, pixels: Pixels, size: int) -> list[str]:
    """A line where `model.weights` comes with a processor that gives other values than `pixels`."""
    theirs = beside_weights(recipe, AutoImageProcessor, backend="pil")
    channels = 1 if pixels.mode == "L" else 3

    def frame(image: Image.Image) -> Tensor:
        return pixels.values(stacked([planes_of(pixels.frame(image, size))]))[0]

    if theirs is None or not differs(theirs, frame, channels):
        return []
    line = f"images become other values than by the {type(theirs).__name__} of model.weights"
    return [f"{line}, which is taken only from model.name (model.processor, task.crop_ratio)"]


def _scaling_faults(recipe: Recipe, given: Any, crop: CentreCrop) -> list[Fault]:
    """A fault where a name's processor does more to values than a centre crop would."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, len(crop.mean)), dtype=np.uint8)
    try:
        theirs = scaled(given, [noise])
    except Exception:  # it cannot do without its own geometry: nothing to compare
        return []
    ours = crop.values(stacked([noise.transpose(2, 0, 1)]))
    if theirs.shape != ours.shape or torch.allclose(theirs, ours, atol=1e-4):
        return []
    found = f"{crop.crop_ratio}, and the {type(given).__name__} of {recipe.model.name} does more"
    allowed = "nothing: then images are framed and scaled as the checkpoint does"
    return [fault(recipe, "task.crop_ratio", found, allowed)]


def _of_channels(own: Any, crop: CentreCrop) -> dict[str, Any]:
    """What changes in a processor that was made for another number of channels."""
    if len(np.atleast_1d(own.image_mean or 0)) in (1, len(crop.mean)):
        return {}
    words = crop.words()
    return {key: words[key] for key in ("image_mean", "image_std", "do_convert_rgb")}
