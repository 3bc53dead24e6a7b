"""Name the class of an image, several of them, or a number."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import Batch, Example, Row
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import model_config, patch_of, takes_one_size
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.vision import ImageClassificationSpec
from zoo.tasks.problems.classification import Classification, build_problem
from zoo.tasks.problems.single_label import SingleLabel
from zoo.tasks.roles import fault, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Records
from zoo.tasks.vision.augment.batches import changed, drawn, drawn_flips, flipped, partners
from zoo.tasks.vision.augment.images import augmented_image, repaints, resized_crop
from zoo.tasks.vision.planes import image_of, in_mode, planes_of, stacked
from zoo.tasks.vision.processor import build_pixels, said_of_weights


class ByPlace(SingleLabel):
    """One class an image, scored by its place among the likeliest."""

    def tally(self, logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Plain nats, images, and how many have their label first or among the first five."""
        best = logits.topk(min(5, logits.shape[-1])).indices
        hits = (best == labels[:, None]).double() * weight[:, None]  # (batch, 5)
        sums = super().tally(logits, labels, weight)
        return {**sums, "top_1": hits[:, 0].sum(), "top_5": hits.sum()}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats an image, and shares of right answers."""
        return {name: ratio(totals[name], totals["count"]) for name in ("loss", "top_1", "top_5")}


class ImageClassification(Classification):
    """Images; see Classification."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, labels, sizes and processor."""
        assert isinstance(recipe.task, ImageClassificationSpec)
        self.spec = recipe.task
        self.problem = build_problem(recipe, source, ByPlace)
        faults = role_faults(recipe, source)
        faults += self.problem.faults()
        size = {"image_size": (self.spec.image_size, "task.image_size")}
        with collected(faults):
            written = {**size, **self.problem.written()}
            self.config = model_config(recipe, written)
            faults += _size_faults(recipe, self.spec, self.config)
            channels = getattr(self.config, "num_channels", 3)
            pixels, more = build_pixels(recipe, self.config.model_type, channels)
            faults += more
        if faults:
            raise ConfigError(faults)
        assert pixels is not None  # else there was a fault
        self.pixels, self.fill = pixels, pixels.fill
        self.notes = said_of_weights(recipe, pixels, self.spec.eval_image_size)
        self.repeats = self.spec.augment.repeats

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """The framed image as uint8 (channels, height, width), its label, and in training "flips".

        Without `augment.crop` training frames images as evaluation does, at the training size.
        """
        image, label = in_mode(row["image"], self.pixels.mode), self.problem.label(row["label"])
        if not training:
            return {
                "image": planes_of(self.pixels.frame(image, self.spec.eval_image_size)),
                "label": label,
            }
        augment, size = self.spec.augment, self.spec.image_size
        if augment.crop:
            planes = resized_crop(image, size, augment.crop, rng)
        else:
            planes = planes_of(self.pixels.frame(image, size))
        if repaints(augment):
            planes = planes_of(augmented_image(image_of(planes), augment, self.fill, rng))
        return {"image": planes, "label": label, "flips": drawn_flips(augment, rng)}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """pixel_values uint8 (batch, channels, height, width), and what in training is to change in
        them.
        """
        pixels = stacked([example["image"] for example in examples])
        labels, count = self.targets(examples)
        if not training:
            return {"inputs": {"pixel_values": pixels}, "labels": labels, "count": count}
        changes = drawn(self.spec.augment, tuple(pixels.shape), rng)
        flips = torch.tensor([example["flips"] for example in examples])
        if flips.any():
            changes["flips"] = flips
        if "mixed" in changes:
            labels["partner"] = partners(labels["labels"])
            labels["share"] = torch.full_like(labels["weight"], changes["mixed"]["share"])
            count = self.count(labels)
        inputs = {"pixel_values": pixels, "changes": changes}
        return {"inputs": inputs, "labels": labels, "count": count}

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """pixel_values float32, scaled, and in training changed: turned over, hidden, mixed."""
        pixels, changes = inputs["pixel_values"], inputs.get("changes", {})
        return {"pixel_values": changed(self.pixels.values(flipped(pixels, changes)), changes)}

    def save(self, folder: Path) -> None:
        """An image processor that gives the pixel values of evaluation."""
        self.pixels.processor(self.spec.eval_image_size).save_pretrained(folder)


def _size_faults(recipe: Recipe, spec: ImageClassificationSpec, config: Any) -> list[Fault]:
    """Models with positions for one size take no other one; patches must fill the image."""
    faults = []
    for size in spec.augment.sizes or ():
        allowed = f"at most task.image_size ({spec.image_size})"
        if takes_one_size(config) and size != spec.image_size:
            allowed = f"{spec.image_size}: {config.model_type} has positions for one size"
        elif size % patch_of(config):
            allowed = f"a multiple of the model's patch_size, {patch_of(config)}"
        elif size <= spec.image_size:
            continue
        faults.append(fault(recipe, "task.augment.sizes", str(size), allowed))
    if takes_one_size(config) and spec.eval_image_size != spec.image_size:
        allowed = (
            f"task.image_size ({spec.image_size}): {config.model_type} has positions for one size"
        )
        found = str(spec.eval_image_size)
        faults.append(fault(recipe, "task.eval_image_size", found, allowed))
    if spec.image_size % patch_of(config):
        allowed = f"a multiple of the model's patch_size, {patch_of(config)}"
        faults.append(fault(recipe, "task.image_size", str(spec.image_size), allowed))
    return faults
