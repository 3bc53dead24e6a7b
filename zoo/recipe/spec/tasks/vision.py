"""Tasks of images: their keys."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.task import ClassificationSpec
from zoo.recipe.spec.words import (
    Amount,
    Of,
    Off,
    Pixels,
    Positive,
    PositiveRange,
    Probability,
    Spec,
)

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

    degrees: Annotated[Amount, Of("degrees")] = 0.0
    """Rotation between minus and plus this many degrees."""
    translate: Probability = 0.0
    """Shift between minus and plus this share of the width and of the height."""
    scale: PositiveRange = (1.0, 1.0)
    """Scale, uniform."""


class RandAugment(Spec):
    """Changes drawn out of fifteen (timm's rand-m9-mstd0.5-inc1; Cubuk et al. 2020)."""

    num_ops: Annotated[Positive, Of("operations")] = 2
    """How many are drawn."""
    magnitude: Annotated[float, Field(ge=0, le=10)] = 9.0
    """How strong they are; 10 is the strongest."""
    std: Amount = 0.5
    """Standard deviation of the strength."""
    probability: Probability = 0.5
    """Probability that a drawn one is carried out."""


class Erasing(Spec):
    """A rectangle of the values is hidden (Zhong et al. 2020, as in timm)."""

    probability: Probability = 0.25
    """Share of the images."""
    mode: Literal["pixel", "constant"] = "pixel"
    """What is put there: normal noise of every value, or 0 (the mean colour)."""
    area: PositiveRange = (0.02, 1 / 3)
    """Its share of the image."""
    ratio: PositiveRange = (0.3, 10 / 3)
    """Its height over its width."""


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
    rand_augment: RandAugment | Off = False
    """Changes drawn out of fifteen."""
    trivial_augment: bool = False
    """One change out of fourteen at a strength drawn evenly (TrivialAugmentWide)."""
    erasing: Erasing | Off = False
    """A rectangle is hidden, after scaling."""
    repeats: Annotated[Positive, Of("times")] = 1
    """Each image is drawn so many times in a row, changed anew each time, and an epoch sees as many
    images less (repeated augmentation: DeiT)."""
    sizes: Annotated[tuple[Pixels, ...], Field(min_length=1)] | Off = False
    """Each micro-batch is made smaller to one of these edges; `image_size` is the largest."""
    mixup: Amount = 0.0
    """Alpha of mixup; the partner is the example before it in the same micro-batch."""
    cutmix: Amount = 0.0
    """Alpha of cutmix; the partner is the example before it in the same micro-batch."""
    mix_probability: Probability = 1.0
    """Share of the micro-batches that are mixed."""
    switch_probability: Probability = 0.5
    """Share of the mixed ones that are cut, where both mixup and cutmix are on."""


class ImageClassificationSpec(ClassificationSpec):
    """Name the class of an image."""

    kind: Literal["image-classification"]
    """Which task: decides the other keys of this section."""
    problem: Literal["single-label", "multi-label", "regression"] = "single-label"
    """What a row's label is: one class; any number of classes (a list of names or ids, or a column
    of 0 and 1 each); a number or several (a list, or a column each)."""
    image_size: Pixels
    """Training size in pixels; written to the model's config and the processor."""
    eval_image_size: Pixels = Field(default_factory=lambda data: data.get("image_size", 1))
    """Size in evaluation and export; `image_size` if absent."""
    crop_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """In evaluation the image is resized to `eval_image_size / crop_ratio` and cropped; absent: as
    the image processor of `model.name` does, else 0.875."""
    augment: ImageAugment = ImageAugment()
    """What changes in training."""
