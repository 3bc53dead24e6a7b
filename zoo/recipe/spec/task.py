"""The section `task`: how an example becomes tensors, a loss and a score; `kind` decides."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.words import (
    Amount,
    Count,
    NotNegative,
    Off,
    Positive,
    PositiveRange,
    Probability,
    Range,
    Share,
    Spec,
    TwoOrMore,
)


class TaskSpec(Spec):
    """How an example becomes tensors, a loss and a score; each kind has its own."""

    kind: str
    """Which task: decides the other keys of this section."""


Smoothing = Annotated[float, Field(ge=0, lt=1)]
CROP_RATIO = 0.875
"""How much of an evaluation image is kept where neither recipe nor checkpoint says (ImageNet)."""


class CausalLMSpec(TaskSpec):
    """Predict the next token of packed text, or of completions and chats."""

    kind: Literal["causal-lm"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Tokens in a block; a longer prompt loses its beginning, a longer completion its end."""
    loss_on: Literal["completions", "all"] = "completions"
    """Which tokens are targets; with a plain `text` column both are the same."""


class MaskedLMSpec(TaskSpec):
    """Predict hidden tokens of packed text (BERT)."""

    kind: Literal["masked-lm"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Tokens in a block."""
    mask_probability: Share = 0.15
    """Share of the tokens that are targets: 80 % hidden, 10 % replaced, 10 % left as they are."""
    whole_word: bool = False
    """Choose whole words instead of tokens; needs a word-piece tokenizer."""


class SequenceClassificationSpec(TaskSpec):
    """Name the class of a text or of a pair of texts."""

    kind: Literal["sequence-classification"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Longer examples are truncated to this many tokens."""
    mask_probability: Smoothing = 0.0
    """Share of the tokens hidden in training, as regularisation."""
    label_smoothing: Smoothing = 0.0
    """Share of the target spread over all classes (training only)."""


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


class ImageClassificationSpec(TaskSpec):
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
    label_smoothing: Smoothing = 0.0
    """Share of the target spread over all classes (training only)."""
    augment: ImageAugment = ImageAugment()
    """What changes in training."""


class SpecAugment(Spec):
    """Masks over the spectrogram (SpecAugment)."""

    freq_masks: NotNegative = 0
    """How many bands are hidden."""
    freq_width: NotNegative = 0
    """Widest band, in mel bins."""
    time_masks: NotNegative = 0
    """How many stretches of time are hidden."""
    time_width: Count = 0
    """Longest stretch: frames, or a share of the clip."""


class SpeechAugment(Spec):
    """What changes in a clip in training."""

    spec_augment: SpecAugment | Off = False
    """Masks over the spectrogram; refused beside the model's own `mask_time_prob`."""
    speed: PositiveRange = (1.0, 1.0)
    """Factor of the speed."""
    noise: Range | Off = False
    """White noise: signal-to-noise ratio in dB."""
    silence: Amount = 0.0
    """Up to this many seconds of silence at either end; half of the ends have none."""


class CTCSpec(TaskSpec):
    """Transcribe speech with connectionist temporal classification."""

    kind: Literal["ctc"]
    """Which task: decides the other keys of this section."""
    min_seconds: Amount = 0.0
    """Shorter training clips are dropped and counted."""
    max_seconds: Annotated[float, Field(gt=0)] | None = None
    """Longer training clips are dropped and counted; absent: none are."""
    lowercase: bool = False
    """Lower-case the transcripts, before vocabulary and scoring."""
    remove_characters: str = ""
    """Characters removed from the transcripts (after lower-casing, in either case), before
    vocabulary and scoring."""
    augment: SpeechAugment = SpeechAugment()
    """What changes in training."""
