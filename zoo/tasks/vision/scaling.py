"""What is done to the values of pixels: how recipe, checkpoint and family say it, and doing it."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers.models.auto.image_processing_auto import (
    IMAGE_PROCESSOR_MAPPING_NAMES,
    get_image_processor_class_from_name,
)

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault

DEFAULTS = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "rescale_factor": 1 / 255,
    "resample": int(Image.Resampling.BICUBIC),
    "do_rescale": True,
    "do_normalize": True,
}


@dataclass(frozen=True)
class Scaling:
    """From bytes to values: times `factor`, less `mean`, over `std`; and how images are resized."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    factor: float
    resample: int
    rescale: bool
    normalize: bool

    @property
    def mode(self) -> str:
        """The Pillow mode with as many channels as the model reads."""
        return "L" if len(self.mean) == 1 else "RGB"

    @property
    def fill(self) -> tuple[int, ...]:
        """The colour, a byte a channel, whose values lie nearest to 0."""
        return tuple(round(min(1.0, max(0.0, value)) * 255) for value in self.mean)

    @property
    def paint(self) -> int | tuple[int, ...]:
        """The same as Pillow takes it."""
        return self.fill if len(self.fill) > 1 else self.fill[0]

    def resized(self, image: Image.Image, height: int, width: int) -> Image.Image:
        """The image in another size, whatever its proportions."""
        return image.resize((width, height), Image.Resampling(self.resample))

    def values(self, pixels: Tensor) -> Tensor:
        """uint8 (batch, channels, height, width) as float32, wherever they are."""
        values = pixels.float()
        if self.rescale:
            values.mul_(self.factor)
        if self.normalize:
            mean, std = (torch.tensor(one, device=pixels.device) for one in (self.mean, self.std))
            values.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))
        return values

    def words(self) -> dict[str, Any]:
        """The same in the keys of transformers' image processors."""
        return {
            "resample": self.resample,
            "do_rescale": self.rescale,
            "rescale_factor": self.factor,
            "do_normalize": self.normalize,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "do_convert_rgb": self.mode == "RGB",
        }


def scaling_words(
    recipe: Recipe, own: Any | None, model_type: str, channels: int
) -> tuple[dict[str, Any], list[Fault]]:
    """Fields of Scaling by name, and what is wrong with them: `model.processor`'s, else those of
    `own` (the processor that `model.name` brings), else those of the family's.
    """
    values = {**DEFAULTS, **_family(model_type), **_known(own)}
    values.update({key: recipe.model.processor.get(key, value) for key, value in values.items()})
    faults = _fit_channels(recipe, values, channels) + _key_faults(recipe)
    found = {
        "mean": values["image_mean"],
        "std": values["image_std"],
        "factor": float(values["rescale_factor"]),
        "resample": int(values["resample"]),
        "rescale": bool(values["do_rescale"]),
        "normalize": bool(values["do_normalize"]),
    }
    return found, faults


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


def _key_faults(recipe: Recipe) -> list[Fault]:
    unknown = set(recipe.model.processor) - set(DEFAULTS) - {"image_processor_type"}
    allowed = f"{', '.join(DEFAULTS)} (sizes are the task's)"
    return [fault(recipe, f"model.processor.{key}", "this key", allowed) for key in sorted(unknown)]


def _family(model_type: str) -> dict[str, Any]:
    """What the family's own image processor does by default."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type, {})
    found = get_image_processor_class_from_name(names["pil"]) if "pil" in names else None
    try:
        return _known(found) if found else {}
    except ImportError:  # of a library that is not there: so is its model, which is said later
        return {}


def _known(processor: Any) -> dict[str, Any]:
    values = {key: getattr(processor, key) for key in DEFAULTS if hasattr(processor, key)}
    switches = {key: bool(value) for key, value in values.items() if key.startswith("do_")}
    return {key: value for key, value in values.items() if value is not None} | switches
