"""Tasks of images: their keys."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.task import ClassificationSpec
from zoo.recipe.spec.words import Amount, Off, Positive, PositiveRange, Probability, Spec

CROP_RATIO = 0.875
"""How much of an evaluation image is kept where neither recipe nor checkpoint says (ImageNet)."""


class Crop(Spec):
    """Random resized crop (Inception)."""

    scale: PositiveRange = (0.08, 1.0)
    """Area of the crop as a share of the image's."""
    ratio: PositiveRange = (0.75, 4 / 3)
    """Width over height of the crop."""
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    """How pixels are made up."""


class Affine(Spec):
    """Random rotation, shift and scale, drawn per example."""

    degrees: Amount = 0.0
    """Rotation between minus and plus this many degrees."""
    translate: Probability = 0.0
    """Shift between minus and plus this share of the width and of the height."""
    scale: PositiveRange = (1.0, 1.0)
    """Scale, uniform."""


class ImageAugment(Spec):
    """What changes in an image in training."""

    crop: Crop | Off = False
    """Random resized crop; off: resized to `image_size`."""
    hflip: Probability = 0.0
    """Probability of a left-right flip."""
    vflip: Probability = 0.0
    """Probability of an upside-down flip."""
    color_jitter: Amount = 0.0
    """Brightness, contrast and saturation change by a factor of 1 minus to 1 plus this."""
    affine: Affine | Off = False
    """Random rotation, shift and scale."""
    mixup: Amount = 0.0
    """Alpha of mixup; the partner is the example before it in the same micro-batch."""
    cutmix: Amount = 0.0
    """Alpha of cutmix; the partner is the example before it in the same micro-batch."""


class ImageClassificationSpec(ClassificationSpec):
    """Name the class of an image."""

    kind: Literal["image-classification"]
    """Which task: decides the other keys of this section."""
    image_size: Positive
    """Training size in pixels; written to the model's config and the processor."""
    eval_image_size: Positive = Field(default_factory=lambda data: data.get("image_size", 1))
    """Size in evaluation and export; `image_size` if absent."""
    crop_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """In evaluation the image is resized to `eval_image_size / crop_ratio` and cropped; absent: as
    the image processor of `model.name` does, else 0.875."""
    augment: ImageAugment = ImageAugment()
    """What changes in training."""
