"""Tasks of objects in images: their keys."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.spec.tasks.vision import Affine
from zoo.recipe.spec.words import Off, Pixels, Probability, Spec


class BoxAugment(Spec):
    """What changes in an image and its boxes in training, in this order."""

    photometric: Probability = 0.0
    """Probability of each change of brightness, contrast, saturation, hue and channels (SSD)."""
    zoom_out: Probability = 0.0
    """Probability that the image is laid on a canvas of up to four times its sides (SSD)."""
    iou_crop: Probability = 0.0
    """Probability of a crop that overlaps some box by a drawn least share (SSD)."""
    affine: Affine | Off = False
    """Random rotation, shift and scale; what leaves the image is lost, but never every box."""
    hflip: Probability = 0.0
    """Probability of a left-right flip."""
    vflip: Probability = 0.0
    """Probability of an upside-down flip."""
    sizes: Annotated[tuple[Pixels, ...], Field(min_length=1)] | Off = False
    """Shorter edges of which each micro-batch draws one, in place of `image_size`'s."""


class ObjectDetectionSpec(TaskSpec):
    """Find the objects in an image: a box and a class each."""

    kind: Literal["object-detection"]
    """Which task: decides the other keys of this section."""
    image_size: Pixels | tuple[Pixels, Pixels]
    """Pixels that images are resized to: both edges, or height and width. Proportions change."""
    longest_edge: Pixels | Off = False
    """Keep proportions: `image_size` (one number) is the shorter edge unless the longer one would
    pass this; a micro-batch is padded. Off: every image has `image_size`."""
    box_format: Literal["coco", "pascal_voc", "yolo", "albumentations"] = "coco"
    """How boxes stand in the data: `coco` left, top, width, height; `pascal_voc` left, top, right,
    bottom, both in pixels; `yolo` middle, width, height; `albumentations` corners, as shares."""
    augment: BoxAugment = BoxAugment()
    """What changes in training."""
