"""Find the objects in an image: a box and a class each (Carion et al. 2020, and what followed)."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, collected
from zoo.models.config import model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.detection import ObjectDetectionSpec
from zoo.tasks.padding import places
from zoo.tasks.roles import label_digest, label_faults, label_names, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.vision.box_augment import augmented
from zoo.tasks.vision.boxes import as_shares, framed
from zoo.tasks.vision.coco_scores import NAMES, coco_scores
from zoo.tasks.vision.detections import Truth, detections, truth_of
from zoo.tasks.vision.detector_images import (
    build_processor,
    fill_of,
    precision_faults,
    scaling_of,
    size_faults,
    size_words,
)
from zoo.tasks.vision.planes import in_mode

_STAND_IN = [[0.5, 0.5, 0.5, 0.5]]  # a box for a micro-batch that has none


class ObjectDetection(Task):
    """Detectors of the DETR kind; a target is a box.

    The model computes the loss, of a micro-batch as a whole: matching and noisy copies of boxes
    need them all. Its sum is the model's mean times the micro-batch's boxes, so that every layout
    finds the same; another `micro_batch` does not, by what noisy copies and the weights of "no
    object" hang on. Images without a box are background beside others; a micro-batch without any
    box teaches nothing.
    """

    lost = MappingProxyType(
        {
            "broken": Lost("task.box_format", "the one in which boxes have an area in their image"),
            "clipped": Lost("task.box_format", "the one in which boxes lie in their image"),
            "boxless": Lost("data.train", "images with boxes"),
        }
    )

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, labels, sizes and processor."""
        assert isinstance(recipe.task, ObjectDetectionSpec)
        self.spec = recipe.task
        faults = role_faults(recipe, source) + label_faults(recipe, source)
        size = size_words(self.spec)
        edges = [size["height"], size["width"]] if "height" in size else [*size.values()]
        written = {"image_size": (edges, "task.image_size"), **label_names(source)}
        with collected(faults):
            self.config = model_config(recipe, written)
            faults += size_faults(recipe, self.spec, self.config)
            faults += precision_faults(recipe, self.config)
            self.processor, more = build_processor(recipe, self.config.model_type)
            faults += more
        if faults:
            raise ConfigError(faults)
        self.scaling = scaling_of(self.processor)

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """The image as uint8 (height, width, 3), its objects in pixels of it, and its first size.

        Crowds are scored and not learnt.
        """
        image = in_mode(row["image"], "RGB")
        width, height = image.size
        objects, lost = framed(row["objects"], self.spec.box_format, width, height)
        if training:
            objects = objects.chosen(np.flatnonzero(~objects.crowd))
            fill = fill_of(self.processor)
            image, objects = augmented(image, objects, self.spec.augment, fill, rng)
        return {
            "image": np.asarray(image),
            "objects": objects,
            "size": (height, width),
            "lost": lost,
        }

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """pixel_values uint8 (batch, 3, height, width), pixel_mask where they are padded, and the
        labels that the model takes.

        Examples of weight 0 are cut out: even an image without boxes adds to the loss. Where
        nothing is left to learn the first one stays, with a box that the loss does not count: the
        graph of a micro-batch must be that of all others, else ZeRO's ranks part.
        """
        kept = [place for place, one in enumerate(examples) if one["weight"]]
        targets = [self._targets(examples[place]) for place in kept]
        count = sum(len(one["class_labels"]) for one in targets)
        audible = bool(kept) and not (training and not count)
        if not audible:
            kept, targets = [0], [self._stand_in()]
        sizes = self.spec.augment.sizes
        shortest = int(rng.choice(sizes)) if training and sizes else None
        labels: dict[str, Any] = {
            "kept": torch.tensor(kept),
            "boxes": torch.tensor(max(count, 1) if audible else 0, dtype=torch.float32),
            "sizes": torch.tensor([one["size"] for one in examples]),
        }
        if not training:
            labels["truth"] = [truth_of(one["objects"]) for one in examples]
        weight = float(sum(one["weight"] for one in examples))
        pixels = self._pixels([examples[n]["image"] for n in kept], shortest)
        mask = pixels.get("pixel_mask")
        return {
            "inputs": {**pixels, "labels": targets},
            **({} if mask is None else {"places": places(mask)}),
            "labels": labels,
            "count": torch.tensor(count, dtype=torch.float64),
            "lost": {
                **lost_in(examples, ("broken", "clipped")),
                "boxless": 0.0 if count else weight,
            },
        }

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """pixel_values float32, scaled, 0 where they are padded."""
        values = self.scaling.values(inputs["pixel_values"])
        if "pixel_mask" in inputs:
            values.mul_(inputs["pixel_mask"].unsqueeze(1))
        return inputs | {"pixel_values": values}

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The model's weighted sum of classification, L1 and GIoU losses, summed over the boxes."""
        loss: Tensor = outputs["loss"].float() * batch["labels"]["boxes"]
        return loss

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The loss (of D-FINE's last layer and encoder alone in evaluation) and boxes."""
        loss = self.loss(outputs, batch).detach().double()
        return {"loss": loss, "count": batch["count"].double()}

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        """The surest detections of each image and what is in it, in pixels of the original."""
        labels = batch["labels"]
        found = detections(outputs, labels["kept"], labels["sizes"], self.config.num_labels)
        return {"found": found, "truth": labels["truth"]}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss a box, and COCO's average precisions, which need the records."""
        loss = {"loss": ratio(totals["loss"], totals["count"])}
        if not records:
            return {**dict.fromkeys(NAMES, float("nan")), **loss}
        truth: list[Truth] = records["truth"]
        return {**coco_scores(records["found"], truth, self.config.num_labels), **loss}

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"labels": label_digest(self.config)}

    def save(self, folder: Path) -> None:
        """The image processor of evaluation."""
        self.processor.save_pretrained(folder)

    def _pixels(self, images: list[np.ndarray], shortest: int | None) -> dict[str, Tensor]:
        size = size_words(self.spec, shortest)
        found = self.processor(
            images,
            size=size,
            do_rescale=False,
            do_normalize=False,
            return_tensors="pt",
            input_data_format="channels_last",
        )
        return {name: found[name] for name in ("pixel_values", "pixel_mask") if name in found}

    @staticmethod
    def _targets(example: Example) -> dict[str, Tensor]:
        """What the model learns of an image: class ids (boxes,), boxes as shares (boxes, 4)."""
        height, width = example["image"].shape[:2]
        objects = example["objects"].chosen(np.flatnonzero(~example["objects"].crowd))
        return {
            "class_labels": torch.from_numpy(objects.classes),
            "boxes": torch.from_numpy(as_shares(objects.corners, width, height)),
        }

    @staticmethod
    def _stand_in() -> dict[str, Tensor]:
        return {
            "class_labels": torch.zeros(1, dtype=torch.int64),
            "boxes": torch.tensor(_STAND_IN),
        }
