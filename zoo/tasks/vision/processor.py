"""How an image becomes pixel values in evaluation, here and in the exported folder alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor
from transformers.models.auto.image_processing_auto import (
    IMAGE_PROCESSOR_MAPPING_NAMES,
    get_image_processor_class_from_name,
)
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.vision import CROP_RATIO, ImageClassificationSpec
from zoo.tasks.brought import beside_weights, brought
from zoo.tasks.roles import fault
from zoo.tasks.vision.own_transform import NoSquare, changed, differs, own_transform, scaled

_DEFAULTS = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "rescale_factor": 1 / 255,
    "resample": int(Image.Resampling.BICUBIC),
    "do_rescale": True,
    "do_normalize": True,
}


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

    def tensor(self, images: Sequence[np.ndarray]) -> Tensor:
        """uint8 (height, width, channels) as one float32 (batch, channels, height, width)."""

    def processor(self, size: int) -> Any:
        """A transformers processor that does all this."""


@dataclass(frozen=True)
class CentreCrop:
    """Resized until `size / crop_ratio` is the shorter edge, then cut out of the middle."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    factor: float
    resample: int
    rescale: bool
    normalize: bool
    crop_ratio: float

    @property
    def mode(self) -> str:
        """See Pixels."""
        return "L" if len(self.mean) == 1 else "RGB"

    @property
    def fill(self) -> tuple[int, ...]:
        """See Pixels."""
        return tuple(round(min(1.0, max(0.0, value)) * 255) for value in self.mean)

    def frame(self, image: Image.Image, size: int) -> Image.Image:
        """See Pixels: as transformers cuts it."""
        edge = shortest_edge(size, self.crop_ratio)
        width, height = image.size
        short = min(width, height)
        width, height = (int(edge * width / short), int(edge * height / short))
        left, top = (width - size) // 2, (height - size) // 2
        resized = image.resize((width, height), Image.Resampling(self.resample))
        return resized.crop((left, top, left + size, top + size))

    def tensor(self, images: Sequence[np.ndarray]) -> Tensor:
        """See Pixels."""
        values = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        if self.rescale:
            values = values * self.factor
        if self.normalize:
            shape = (1, -1, 1, 1)
            values = (values - torch.tensor(self.mean).view(shape)) / torch.tensor(self.std).view(
                shape
            )
        return values.contiguous()

    def processor(self, size: int) -> BitImageProcessorPil:
        """See Pixels.

        BiT's is the one class that says all three in keys of its own; it needs no torchvision.
        """
        return BitImageProcessorPil(
            size={"shortest_edge": shortest_edge(size, self.crop_ratio)},
            crop_size={"height": size, "width": size},
            resample=self.resample,
            do_rescale=self.rescale,
            rescale_factor=self.factor,
            do_normalize=self.normalize,
            image_mean=list(self.mean),
            image_std=list(self.std),
            do_convert_rgb=self.mode == "RGB",
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
    values = {**_DEFAULTS, **_family(model_type), **_known(own)}
    values.update({key: recipe.model.processor.get(key, value) for key, value in values.items()})
    faults = _fit_channels(recipe, values, channels) + _key_faults(recipe)
    spec = recipe.task
    assert isinstance(spec, ImageClassificationSpec)
    crop = _centre_crop(values, spec.crop_ratio or CROP_RATIO)
    if own is None or faults:
        return crop, faults
    said = {key: values[key] for key in _DEFAULTS if key in recipe.model.processor}
    given = changed(own, {**_of_channels(own, values, channels), **said})
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
        bytes_ = np.asarray(pixels.frame(image, size)).reshape(size, size, channels)
        return pixels.tensor([bytes_])[0]

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
    ours = crop.tensor([noise])
    if theirs.shape != ours.shape or torch.allclose(theirs, ours, atol=1e-4):
        return []
    found = f"{crop.crop_ratio}, and the {type(given).__name__} of {recipe.model.name} does more"
    allowed = "nothing: then images are framed and scaled as the checkpoint does"
    return [fault(recipe, "task.crop_ratio", found, allowed)]


def _fit_channels(recipe: Recipe, values: dict[str, Any], channels: int) -> list[Fault]:
    """Makes mean and standard deviation as many numbers as channels; faults where that fails."""
    faults = []
    for key in ("image_mean", "image_std"):
        found = values[key] if isinstance(values[key], list | tuple) else [values[key]] * channels
        if len(found) != channels and key not in recipe.model.processor:
            found = [sum(found) / len(found)] * channels
        if len(found) != channels:
            allowed = f"{channels} numbers, one a channel"
            faults.append(fault(recipe, f"model.processor.{key}", repr(found), allowed))
        values[key] = tuple(float(value) for value in found)
    return faults


def _of_channels(own: Any, values: dict[str, Any], channels: int) -> dict[str, Any]:
    """What changes in a processor that was made for another number of channels."""
    if len(np.atleast_1d(own.image_mean or 0)) in (1, channels):
        return {}
    means = {key: values[key] for key in ("image_mean", "image_std")}
    return {**means, "do_convert_rgb": channels == 3}


def _key_faults(recipe: Recipe) -> list[Fault]:
    unknown = set(recipe.model.processor) - set(_DEFAULTS) - {"image_processor_type"}
    allowed = f"{', '.join(_DEFAULTS)} (sizes are the task's)"
    return [fault(recipe, f"model.processor.{key}", "this key", allowed) for key in sorted(unknown)]


def _centre_crop(values: dict[str, Any], crop_ratio: float) -> CentreCrop:
    return CentreCrop(
        mean=values["image_mean"],
        std=values["image_std"],
        factor=float(values["rescale_factor"]),
        resample=int(values["resample"]),
        rescale=bool(values["do_rescale"]),
        normalize=bool(values["do_normalize"]),
        crop_ratio=crop_ratio,
    )


def _family(model_type: str) -> dict[str, Any]:
    """What the family's own image processor does by default."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type, {})
    found = get_image_processor_class_from_name(names["pil"]) if "pil" in names else None
    return _known(found) if found else {}


def _known(processor: Any) -> dict[str, Any]:
    values = {key: getattr(processor, key) for key in _DEFAULTS if hasattr(processor, key)}
    switches = {key: bool(value) for key, value in values.items() if key.startswith("do_")}
    return {key: value for key, value in values.items() if value is not None} | switches
