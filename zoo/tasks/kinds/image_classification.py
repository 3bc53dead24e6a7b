"""Name the class of an image."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.vision import ImageClassificationSpec
from zoo.tasks.roles import fault, label_digest, label_faults, label_names, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Outputs, Records, Task
from zoo.tasks.vision.augment import augmented_image, mixed, resized_crop
from zoo.tasks.vision.processor import build_pixels, said_of_weights

_ANY_SIZE = {"convnext", "convnextv2", "efficientnet", "mobilenet_v1", "mobilenet_v2", "poolformer"}


class ImageClassification(Task):
    """logits (batch, classes) against labels (batch,)."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, labels, sizes and processor."""
        assert isinstance(recipe.task, ImageClassificationSpec)
        self.spec = recipe.task
        faults = role_faults(recipe, source) + label_faults(recipe, source)
        written = {"image_size": (self.spec.image_size, "task.image_size"), **label_names(source)}
        with collected(faults):
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
        self.mixing = self.spec.augment.mixup > 0 or self.spec.augment.cutmix > 0

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """The framed image as uint8 (height, width, channels) and its label.

        Without `augment.crop` training frames images as evaluation does, at the training size.
        """
        image = row["image"].convert(self.pixels.mode)
        augment = self.spec.augment
        if training and augment.crop:
            image = resized_crop(image, self.spec.image_size, augment.crop, rng)
        else:
            size = self.spec.image_size if training else self.spec.eval_image_size
            image = self.pixels.frame(image, size)
        if training:
            image = augmented_image(image, augment, self.fill, rng)
        values = np.asarray(image)
        return {"image": values if values.ndim == 3 else values[..., None], "label": row["label"]}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """pixel_values float32 (batch, channels, height, width), mixed in training if asked for."""
        pixels = self.pixels.tensor([example["image"] for example in examples])
        weight = torch.tensor([example["weight"] for example in examples], dtype=torch.float32)
        targets = torch.tensor([example["label"] for example in examples], dtype=torch.int64)
        labels = {"labels": targets, "weight": weight}
        if training and self.mixing:
            pixels, partner, share = mixed(pixels, self.spec.augment, rng)
            labels.update(partner=targets[partner], share=torch.full_like(weight, share))
        return {
            "inputs": {"pixel_values": pixels},
            "labels": labels,
            "count": weight.double().sum(),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Smoothed cross entropy in nats, summed over the images; mixed ones have two labels."""
        logits, labels = outputs["logits"], batch["labels"]
        smoothing = self.spec.label_smoothing
        each = F.cross_entropy(
            logits.float(), labels["labels"], reduction="none", label_smoothing=smoothing
        )
        if "partner" in labels:
            other = F.cross_entropy(
                logits.float(), labels["partner"], reduction="none", label_smoothing=smoothing
            )
            each = labels["share"] * each + (1 - labels["share"]) * other
        return (each * labels["weight"]).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Plain nats, images, and how many have their label first or among the first five."""
        labels, weight = batch["labels"]["labels"], batch["labels"]["weight"].double()
        logits = outputs["logits"].detach().float()
        loss = F.cross_entropy(logits, labels, reduction="none").double()
        best = logits.topk(min(5, logits.shape[-1])).indices
        hits = (best == labels[:, None]).double() * weight[:, None]  # (batch, 5)
        return {
            "loss": (loss * weight).sum(),
            "count": weight.sum(),
            "top_1": hits[:, 0].sum(),
            "top_5": hits.sum(),
        }

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats an image, and shares of right answers."""
        return {name: ratio(totals[name], totals["count"]) for name in ("loss", "top_1", "top_5")}

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"labels": label_digest(self.config)}

    def save(self, folder: Path) -> None:
        """An image processor that gives the pixel values of evaluation."""
        self.pixels.processor(self.spec.eval_image_size).save_pretrained(folder)


def _size_faults(recipe: Recipe, spec: ImageClassificationSpec, config: Any) -> list[Fault]:
    """Models with positions for one size take no other one; patches must fill the image."""
    faults = []
    fixed = hasattr(config, "image_size") and config.model_type not in _ANY_SIZE
    if fixed and spec.eval_image_size != spec.image_size:
        allowed = (
            f"task.image_size ({spec.image_size}): {config.model_type} has positions for one size"
        )
        found = str(spec.eval_image_size)
        faults.append(fault(recipe, "task.eval_image_size", found, allowed))
    patch = getattr(config, "patch_size", None)
    if isinstance(patch, int) and spec.image_size % patch:
        allowed = f"a multiple of the model's patch_size, {patch}"
        faults.append(fault(recipe, "task.image_size", str(spec.image_size), allowed))
    return faults
