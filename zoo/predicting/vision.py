"""Answers about images, by transformers' pipelines."""

from typing import Any

import numpy as np
from PIL import Image
from transformers import AutoImageProcessor, pipeline

from zoo.data.image import decode_image
from zoo.data.rows import Row
from zoo.predicting.classes import ALL, classes, said_classes
from zoo.predicting.drawing import with_boxes, with_masks
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor

THRESHOLD = 0.5


def image_pipeline(task: str, exported: Exported) -> Any:
    """The pipeline of a task on the folder's model and processor, which frames images as
    evaluation did: with Pillow.
    """
    folder, words = str(exported.folder), exported.loading
    trusted = exported.trusted
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=trusted)
    return pipeline(task, model=folder, image_processor=processor, device=exported.device, **words)


class ImageClasses(Predictor):
    """The class of an image."""

    choices = (("image",),)
    heeds = frozenset({"top"})

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.pipe, self.top = image_pipeline("image-classification", exported), options.top
        self.gray = getattr(self.pipe.model.config, "num_channels", 3) == 1

    def read(self, row: Row) -> Any:
        """The image; gray as numbers, which the pipeline does not make RGB of."""
        image = decode_image(row["image"])
        return np.asarray(image.convert("L"))[..., None] if self.gray else image

    def answers(self, examples: list[Any]) -> list[Answer]:
        """See classes."""
        found = self.pipe(examples, batch_size=len(examples), top_k=ALL)
        return [classes(self.pipe.model.config, one, self.top) for one in found]

    def said(self, answer: Answer) -> str:
        """See classes."""
        return said_classes(answer)


class Boxes(Predictor):
    """What stands where in an image."""

    choices = (("image",),)
    heeds = frozenset({"threshold"})

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.pipe = image_pipeline("object-detection", exported)
        self.least = THRESHOLD if options.threshold is None else options.threshold

    def read(self, row: Row) -> Image.Image:
        """The image."""
        return decode_image(row["image"])

    def answers(self, examples: list[Image.Image]) -> list[Answer]:
        """ "boxes": of each thing its "label", "score" and "box", corners in pixels, best first."""
        found = self.pipe(examples, threshold=self.least)  # alone: it cannot part RT-DETR's batches
        return [{"boxes": sorted(one, key=lambda box: -box["score"])} for one in found]

    def said(self, answer: Answer) -> str:
        """Every box in a line."""
        lines = (
            f"{one['label']} {one['score']:.3f} at {', '.join(map(str, one['box'].values()))}"
            for one in answer["boxes"]
        )
        return "; ".join(lines) or "nothing"

    def drawn(self, row: Row, answer: Answer) -> Image.Image:
        """The image with its boxes."""
        names = self.pipe.model.config.label2id
        return with_boxes(decode_image(row["image"]), answer["boxes"], names)


class Masks(Predictor):
    """Which class each pixel of an image belongs to."""

    choices = (("image",),)

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.pipe = image_pipeline("image-segmentation", exported)

    def read(self, row: Row) -> Image.Image:
        """The image."""
        return decode_image(row["image"])

    def answers(self, examples: list[Image.Image]) -> list[Answer]:
        """ "segments": of each class its "label" and "share" of the pixels, largest first."""
        return [self._answer(found) for found in self.pipe(examples, subtask="semantic")]

    def _answer(self, found: list[dict[str, Any]]) -> Answer:
        masks = [(one["label"], np.asarray(one["mask"]) > 0) for one in found]
        masks.sort(key=lambda one: -float(one[1].mean()))
        segments = [{"label": label, "share": float(mask.mean())} for label, mask in masks]
        return {"segments": segments, "_masks": masks}

    def said(self, answer: Answer) -> str:
        """Every class in a line."""
        return ", ".join(f"{one['label']} {one['share']:.1%}" for one in answer["segments"])

    def drawn(self, row: Row, answer: Answer) -> Image.Image:
        """The image under its masks."""
        names = self.pipe.model.config.label2id
        return with_masks(decode_image(row["image"]), answer["_masks"], names)
