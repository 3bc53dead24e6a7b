"""Answers about images, by transformers' pipelines."""

from typing import Any

import numpy as np
from PIL import Image
from transformers import AutoImageProcessor, pipeline

from zoo.data.image import decode_image, decode_mask
from zoo.data.rows import Row
from zoo.predicting.against import Told, plain
from zoo.predicting.classes import (
    ALL,
    classes,
    classes_against,
    right_classes,
    said_classes,
)
from zoo.predicting.drawing import with_boxes, with_masks
from zoo.predicting.exported import Exported, Options
from zoo.predicting.predictor import Answer, Predictor
from zoo.recipe.spec.tasks.segmentation import SemanticSegmentationSpec
from zoo.tasks.task import IGNORE
from zoo.tasks.vision.boxes import framed, overlaps
from zoo.tasks.vision.masks import Masks as ClassesOf

THRESHOLD = 0.5
OVERLAP = 0.5
"""The intersection over union from which on a box is that of a thing."""
CORNERS = ("xmin", "ymin", "xmax", "ymax")


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

    def right(self, asked: Row, rest: Row) -> Answer:
        """The row's class."""
        return right_classes(self.pipe.model.config, rest)

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """The class and how likely it is."""
        return [("answer", classes_against(answer, right))]


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
        return "; ".join(map(_said_box, answer["boxes"])) or "nothing"

    def drawn(self, row: Row, answer: Answer, scale: float = 1.0) -> Image.Image:
        """The image with its boxes."""
        names = self.pipe.model.config.label2id
        return with_boxes(decode_image(row["image"]), answer["boxes"], names, scale)

    def right(self, asked: Row, rest: Row) -> Answer:
        """The row's own boxes, without scores."""
        if "objects" not in rest:
            return {}
        names, size = self.pipe.model.config.id2label, decode_image(asked["image"]).size
        found, _ = framed(rest["objects"], self.exported.key("box_format"), *size)
        placed = zip(found.classes.tolist(), found.corners.tolist(), strict=True)
        return {
            "boxes": [
                {"label": names[number], "box": dict(zip(CORNERS, corners, strict=True))}
                for number, corners in placed
            ]
        }

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """How many boxes of which class were found and are right, each of one thing alone."""
        told = [plain("answer", _counted(answer["boxes"]))]
        if not right:
            return told
        told.append(plain("in the data", _counted(right["boxes"])))
        left = [(one["label"], [*one["box"].values()]) for one in right["boxes"]]
        whole, found = len(left), 0
        for one in answer["boxes"]:
            alike = [place for place, (label, _) in enumerate(left) if label == one["label"]]
            corners = np.array([left[place][1] for place in alike]).reshape(-1, 4)
            shares = overlaps(corners, np.array([*one["box"].values()], dtype=float))
            if len(shares) and shares.max() >= OVERLAP:
                left.pop(alike[int(shares.argmax())])
                found += 1
        boxes = f"{found} of {len(answer['boxes'])} boxes (of the right class, IoU from {OVERLAP})"
        return [*told, plain("right", f"{boxes}; {len(left)} of {whole} things were missed")]


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
        return _of_masks([(one["label"], np.asarray(one["mask"]) > 0) for one in found])

    def right(self, asked: Row, rest: Row) -> Answer:
        """The row's own mask; what is no target is of no class."""
        spec = self.exported.recipe.task
        if "mask" not in rest or not isinstance(spec, SemanticSegmentationSpec):
            return {}
        names, size = self.pipe.model.config.id2label, decode_image(asked["image"]).size
        ids = ClassesOf.of(spec, len(names)).classes_of(decode_mask(rest["mask"]), size)
        there = [number for number in np.unique(ids).tolist() if number != IGNORE]
        return _of_masks([(names[number], ids == number) for number in there])

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """Which classes take how much, and how many of the pixels are right."""
        told = [plain("answer", self.said(answer))]
        if not right:
            return told
        wanted = dict(right["_masks"])
        same = sum((mask & wanted[one]).sum() for one, mask in answer["_masks"] if one in wanted)
        share = f"{same / max(sum(mask.sum() for mask in wanted.values()), 1):.1%} of the pixels"
        return [*told, plain("right", share)]

    def said(self, answer: Answer) -> str:
        """Every class in a line."""
        return ", ".join(f"{one['label']} {one['share']:.1%}" for one in answer["segments"])

    def drawn(self, row: Row, answer: Answer, scale: float = 1.0) -> Image.Image:
        """The image under its masks."""
        names = self.pipe.model.config.label2id
        return with_masks(decode_image(row["image"]), answer["_masks"], names, scale)


def _counted(boxes: list[Answer]) -> str:
    """How many boxes there are of each class, the commonest first, and between which scores."""
    found: dict[str, list[float]] = {}
    for one in boxes:
        found.setdefault(one["label"], []).append(one.get("score", 1.0))
    scored = any("score" in one for one in boxes)
    ends = {name: (f"{min(those):.2f}", f"{max(those):.2f}") for name, those in found.items()}
    ranges = {name: f" ({' to '.join(dict.fromkeys(two))})" for name, two in ends.items()}
    order = sorted(found, key=lambda name: -len(found[name]))
    words = (f"{len(found[name])} {name}{ranges[name] if scored else ''}" for name in order)
    return ", ".join(words) or "nothing"


def _said_box(one: Answer) -> str:
    score = f" {one['score']:.3f}" if "score" in one else ""
    edges = ", ".join(f"{edge:.6g}" for edge in one["box"].values())
    return f"{one['label']}{score} at {edges}"


def _of_masks(masks: list[tuple[str, np.ndarray]]) -> Answer:
    """The answer of masks bool (height, width), the largest first."""
    masks.sort(key=lambda one: -float(one[1].mean()))
    segments = [{"label": label, "share": float(mask.mean())} for label, mask in masks]
    return {"segments": segments, "_masks": masks}
