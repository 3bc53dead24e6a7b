"""Name the class of every pixel of an image."""

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoImageProcessor
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import model_config, patch_of
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.segmentation import SemanticSegmentationSpec
from zoo.tasks.brought import brought
from zoo.tasks.roles import fault, label_digest, label_faults, label_names, role_faults
from zoo.tasks.scores import accuracy, confusion, ious, mean_accuracy, ratio
from zoo.tasks.task import IGNORE, NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.vision.augment.masks import augmented_pair
from zoo.tasks.vision.masks import Masks
from zoo.tasks.vision.planes import in_mode, planes_of, stacked
from zoo.tasks.vision.scaling import Scaling, scaling_words

_BLANK = "blank_masks"


class SemanticSegmentation(Task):
    """logits (batch, classes, rows, columns), of any size, against masks of the images' own."""

    lost = MappingProxyType(
        {_BLANK: Lost("task.ignore_label", "a value that is not the one of every pixel of a mask")}
    )

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, labels, palette, sizes and processor."""
        assert isinstance(recipe.task, SemanticSegmentationSpec)
        self.spec = recipe.task
        given = self.spec.image_size
        self.size = (given, given) if isinstance(given, int) else given
        faults = role_faults(recipe, source) + label_faults(recipe, source)
        self.masks = Masks.of(self.spec, len(source.labels or ()))
        faults += _palette_faults(recipe, self.masks)
        written = {
            "image_size": (given if isinstance(given, int) else list(given), "task.image_size"),
            "use_auxiliary_head": (False, "task.kind"),  # what it says is in no output
            **label_names(source),
        }
        with collected(faults):
            self.config = model_config(recipe, written)
            faults += _size_faults(recipe, self.size, self.config)
            own = brought(recipe, AutoImageProcessor, backend="pil")
            channels = getattr(self.config, "num_channels", 3)
            words, more = scaling_words(recipe, own, self.config.model_type, channels)
            faults += more
        if faults:
            raise ConfigError(faults)
        self.scaling = Scaling(**words)

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """The image as uint8 (channels, height, width) of `image_size`, and classes int16: of the
        same size in training, of the image's own in evaluation.
        """
        image = in_mode(row["image"], self.scaling.mode)
        mask = self.masks.classes_of(row["mask"], image.size)
        if training:
            image, mask = augmented_pair(
                image, mask, self.size, self.spec.augment, self.scaling, rng
            )
        else:
            image = self.scaling.resized(image, *self.size)
        blank = bool((mask == IGNORE).all())
        return {"image": planes_of(image), "mask": mask, "lost": {_BLANK: blank}}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """pixel_values uint8 (batch, channels, height, width); labels int16 (batch, rows,
        columns), with "sizes" (batch, 2), beyond which they are padding, where these differ.
        """
        sizes = torch.tensor([example["mask"].shape for example in examples])
        labels = torch.full((len(examples), *sizes.amax(0).tolist()), IGNORE, dtype=torch.int16)
        for place, example in enumerate(examples):
            if example["weight"]:
                rows, columns = example["mask"].shape
                labels[place, :rows, :columns] = torch.from_numpy(example["mask"].copy())
        same = bool((sizes == sizes[0]).all())
        return {
            "inputs": {"pixel_values": stacked([one["image"] for one in examples])},
            "labels": {"labels": labels} | ({} if same else {"sizes": sizes}),
            "count": (labels != IGNORE).sum().double(),
            "lost": lost_in(examples, self.lost),
        }

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """pixel_values float32, scaled."""
        return {"pixel_values": self.scaling.values(inputs["pixel_values"])}

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Cross entropy in nats, summed over the pixels that are targets."""
        logits, masks = outputs["logits"], batch["labels"]["labels"]
        if "sizes" not in batch["labels"]:
            return _nats(enlarged(logits, masks.shape[1:]), masks)
        each = [_nats(one, mask) for one, mask in _one_by_one(logits, batch)]
        return torch.stack(each).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Plain nats, pixels, and how often each class was taken for which."""
        classes = self.masks.classes
        device = outputs["logits"].device
        loss = torch.zeros((), dtype=torch.float64, device=device)
        matrix = torch.zeros((classes, classes), dtype=torch.float64, device=device)
        for logits, mask in _one_by_one(outputs["logits"].detach(), batch):
            loss += _nats(logits, mask).double()
            targets = mask != IGNORE
            found, wanted = logits.argmax(1)[targets], mask[targets].long()
            matrix += confusion(found, wanted, torch.ones_like(wanted), classes)
        return {"loss": loss, "count": matrix.sum(), "confusion": matrix}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a pixel, means over classes, and the IoU of each by its name."""
        matrix = totals["confusion"]
        by_class = ious(matrix)
        names = (self.config.id2label[number] for number in range(self.masks.classes))
        return {
            "miou": float(by_class.nanmean()),
            "loss": ratio(totals["loss"], totals["count"]),
            "pixel_accuracy": accuracy(matrix),
            "mean_accuracy": mean_accuracy(matrix),
            **{f"iou/{name}": value for name, value in zip(names, by_class.tolist(), strict=True)},
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"labels": label_digest(self.config)}

    def save(self, folder: Path) -> None:
        """SegFormer's image processor: its class frames as evaluation does, reads the same masks,
        and makes class maps of any model's logits.
        """
        height, width = self.size
        SegformerImageProcessorPil(
            size={"height": height, "width": width},
            do_reduce_labels=self.spec.reduce_labels,
            **self.scaling.words(),
        ).save_pretrained(folder)


def enlarged(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    """Logits in fp32 (batch, classes, *size), between those of the model (SegFormer: Xie et al.
    2021; mmsegmentation's resize with align_corners False).
    """
    return F.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)


def _nats(logits: Tensor, mask: Tensor) -> Tensor:
    return F.cross_entropy(logits, mask.long(), ignore_index=IGNORE, reduction="sum")


def _one_by_one(logits: Tensor, batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """The logits (1, classes, rows, columns) and the mask (1, rows, columns) of each image."""
    masks = batch["labels"]["labels"]
    sizes = batch["labels"]["sizes"].tolist() if "sizes" in batch["labels"] else []
    for place, (rows, columns) in enumerate(sizes or [masks.shape[1:]] * len(masks)):
        mask = masks[place : place + 1, :rows, :columns]
        yield enlarged(logits[place : place + 1], (rows, columns)), mask


def _palette_faults(recipe: Recipe, masks: Masks) -> list[Fault]:
    """A palette has a colour for every class, none of them twice."""
    wanted, colours = masks.classes + masks.reduce_labels, masks.palette
    twice = [colour for number, colour in enumerate(colours) if colour in colours[:number]]
    if not colours or (len(colours) >= wanted and not twice):
        return []
    found = f"{list(twice[0])} twice" if twice else f"{len(colours)} colours"
    return [fault(recipe, "task.palette", found, f"at least {wanted} colours, one a value")]


def _size_faults(recipe: Recipe, size: tuple[int, int], config: Any) -> list[Fault]:
    """Patches must fill the image."""
    patch = patch_of(config)
    if not any(edge % patch for edge in size):
        return []
    found, allowed = " x ".join(map(str, size)), f"multiples of the model's patch_size, {patch}"
    return [fault(recipe, "task.image_size", found, allowed)]
