"""How an image becomes pixel values in evaluation, here and in the exported folder alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
from zoo.tasks.brought import brought
from zoo.tasks.roles import fault

_DEFAULTS = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "rescale_factor": 1 / 255,
    "resample": int(Image.Resampling.BICUBIC),
    "do_rescale": True,
    "do_normalize": True,
}


@dataclass(frozen=True)
class Pixels:
    """What of an image processor is not a size: how values are scaled, how pixels are made up."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    factor: float
    resample: int
    rescale: bool
    normalize: bool

    @property
    def mode(self) -> str:
        """The Pillow mode with as many channels as there are means."""
        return "L" if len(self.mean) == 1 else "RGB"

    def tensor(self, images: Sequence[np.ndarray]) -> Tensor:
        """uint8 (height, width, channels) as one float32 (batch, channels, height, width)."""
        values = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        if self.rescale:
            values = values * self.factor
        if self.normalize:
            shape = (1, -1, 1, 1)
            values = (values - torch.tensor(self.mean).view(shape)) / torch.tensor(self.std).view(
                shape
            )
        return values.contiguous()

    def processor(self, size: int, crop_ratio: float) -> BitImageProcessorPil:
        """A transformers processor that does all this: resize, centre crop, scale.

        BiT's is the one class that says all three in keys of its own; it needs no torchvision.
        """
        return BitImageProcessorPil(
            size={"shortest_edge": shortest_edge(size, crop_ratio)},
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
    """To what the shorter edge is resized before `size` pixels of its middle are cut out."""
    return round(size / crop_ratio)


def centre_cropped(image: Image.Image, size: int, crop_ratio: float, resample: int) -> Image.Image:
    """The middle `size` x `size` pixels of the resized image, as transformers cuts them."""
    edge = shortest_edge(size, crop_ratio)
    width, height = image.size
    short = min(width, height)
    width, height = (int(edge * width / short), int(edge * height / short))
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling(resample))
    return resized.crop((left, top, left + size, top + size))


def build_pixels(recipe: Recipe, model_type: str, channels: int) -> tuple[Pixels, list[Fault]]:
    """The scaling of `model.processor`, else of `model.name`, else of the family; its faults."""
    own = _known(brought(recipe, AutoImageProcessor))
    family = {**_DEFAULTS, **_family(model_type), **own}
    values = {key: recipe.model.processor.get(key, value) for key, value in family.items()}
    faults = []
    for key in ("image_mean", "image_std"):
        found = values[key] if isinstance(values[key], list | tuple) else [values[key]] * channels
        if len(found) != channels and key not in recipe.model.processor:
            found = [sum(found) / len(found)] * channels
        if len(found) != channels:
            allowed = f"{channels} numbers, one a channel"
            faults.append(fault(recipe, f"model.processor.{key}", repr(found), allowed))
        values[key] = tuple(float(value) for value in found)
    unknown = set(recipe.model.processor) - set(_DEFAULTS) - {"image_processor_type"}
    for key in sorted(unknown):
        allowed = f"{', '.join(_DEFAULTS)} (sizes are the task's)"
        faults.append(fault(recipe, f"model.processor.{key}", "this key", allowed))
    return _pixels(values), faults


def _pixels(values: dict[str, Any]) -> Pixels:
    return Pixels(
        mean=values["image_mean"],
        std=values["image_std"],
        factor=float(values["rescale_factor"]),
        resample=int(values["resample"]),
        rescale=bool(values["do_rescale"]),
        normalize=bool(values["do_normalize"]),
    )


def _family(model_type: str) -> dict[str, Any]:
    """What the family's own image processor does by default."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type, {})
    found = get_image_processor_class_from_name(names["pil"]) if "pil" in names else None
    return _known(found) if found else {}


def _known(processor: Any) -> dict[str, Any]:
    values = {key: getattr(processor, key, None) for key in _DEFAULTS}
    return {key: value for key, value in values.items() if value is not None}
