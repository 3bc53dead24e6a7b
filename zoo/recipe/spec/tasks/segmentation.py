"""Tasks of the pixels of images: their keys."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.spec.tasks.vision import Affine
from zoo.recipe.spec.words import NotNegative, Off, Pixels, PositiveRange, Probability, Spec

Byte = Annotated[int, Field(ge=0, le=255)]


class ScaledCrop(Spec):
    """A random piece of `image_size` out of the image at a random scale (mmsegmentation)."""

    ratio_range: PositiveRange = (0.5, 2.0)
    """The shorter edge of the whole image, as a share of `image_size`'s shorter one."""
    cat_max_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    """A piece of whose targets one class has this share or more is drawn anew, up to ten times;
    1: none is."""


class MaskAugment(Spec):
    """What changes in an image and its mask in training, in this order."""

    affine: Affine | Off = False
    """Random rotation, shift and scale; what moves in has no targets."""
    crop: ScaledCrop | Off = False
    """A piece of the image at a random scale; off: the image is resized to `image_size`."""
    hflip: Probability = 0.0
    """Probability of a left-right flip."""
    vflip: Probability = 0.0
    """Probability of an upside-down flip."""
    photometric: Probability = 0.0
    """Probability of each change of brightness, contrast, saturation and hue (SSD)."""


class SemanticSegmentationSpec(TaskSpec):
    """Name the class of every pixel of an image."""

    kind: Literal["semantic-segmentation"]
    """Which task: decides the other keys of this section."""
    image_size: Pixels | tuple[Pixels, Pixels]
    """Pixels that the model reads: of both edges, or height and width. In evaluation and export
    images are resized to it; proportions change, and masks keep their size."""
    ignore_label: NotNegative = 255
    """The value of pixels that are no targets."""
    reduce_labels: bool = False
    """The value 0 is no target, and the others are one more than their class (ADE20K)."""
    palette: tuple[tuple[Byte, Byte, Byte], ...] = ()
    """Masks are RGB: the colour of each value, from 0 on. Those beyond the classes' are no targets;
    a colour that is not there makes a corrupt example."""
    augment: MaskAugment = MaskAugment()
    """What changes in training."""
