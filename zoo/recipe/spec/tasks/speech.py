"""Tasks of speech: their keys."""

from typing import Annotated, Literal

from zoo.recipe.spec.task import Smoothing, TaskSpec
from zoo.recipe.spec.tasks.sequences import Generate
from zoo.recipe.spec.words import (
    Amount,
    Folder,
    NotNegative,
    Of,
    Off,
    Positive,
    PositiveRange,
    Range,
    Seconds,
    Share,
    Spec,
)

OF_CLIP = Of("a share of the clip")


class SpecAugment(Spec):
    """Masks over the spectrogram (SpecAugment)."""

    freq_masks: Annotated[NotNegative, Of("bands")] = 0
    """How many bands are hidden."""
    freq_width: Annotated[NotNegative, Of("mel bins")] = 0
    """Widest band, in mel bins."""
    time_masks: Annotated[NotNegative, Of("stretches")] = 0
    """How many stretches of time are hidden."""
    time_width: Annotated[NotNegative, Of("frames")] | Annotated[Share, OF_CLIP] = 0
    """Longest stretch: frames, or a share of the clip."""


class SpeechAugment(Spec):
    """What changes in a clip in training."""

    spec_augment: SpecAugment | Off = False
    """Masks over the spectrogram; refused beside the model's own `mask_time_prob`."""
    speed: PositiveRange = (1.0, 1.0)
    """Factor of the speed."""
    noise: Annotated[Range, Of("dB")] | Off = False
    """White noise: signal-to-noise ratio in dB."""
    silence: Annotated[Amount, Of("seconds")] = 0.0
    """Up to this many seconds of silence at either end; half of the ends have none."""


class BeamSearch(Spec):
    """Prefix beam search, with a language model or without."""

    beam: Annotated[Positive, Of("prefixes")] = 16
    """How many prefixes are followed."""
    language_model: Folder | Off = False
    """An n-gram model over words, an ARPA file (.gz or not); its words are spelled as the
    transcripts that are learned."""
    alpha: float = 0.5
    """How much a nat of the language model counts beside one of the frames."""
    beta: Annotated[float, Of("nats")] = 1.5
    """What each word adds, in nats: language models like few words."""


class CTCSpec(TaskSpec):
    """Transcribe speech with connectionist temporal classification."""

    kind: Literal["ctc"]
    """Which task: decides the other keys of this section."""
    min_seconds: Annotated[Amount, Of("seconds")] = 0.0
    """Shorter training clips are dropped and counted."""
    max_seconds: Seconds | None = None
    """Longer training clips are dropped and counted; absent: none are."""
    lowercase: bool = False
    """Lower-case the transcripts, before vocabulary and scoring."""
    remove_characters: str = ""
    """Characters removed from the transcripts (after lower-casing, in either case), before
    vocabulary and scoring."""
    augment: SpeechAugment = SpeechAugment()
    """What changes in training."""
    decoder: BeamSearch | Off = False
    """How text is read from frames to be scored: by beam search; false: the best token of each."""


class SpeechSeq2SeqSpec(TaskSpec):
    """Write down, or translate, what is said in a clip of one window (Whisper)."""

    kind: Literal["speech-seq2seq"]
    """Which task: decides the other keys of this section."""
    language: str = ""
    """The language of the clips, by name or code; empty: the model knows one language."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """What a model of many languages does: `translate` writes English."""
    min_seconds: Annotated[Amount, Of("seconds")] = 0.0
    """Shorter training clips are dropped and counted, as are those longer than the window."""
    label_smoothing: Smoothing = 0.0
    """Share of the target spread over all tokens (training only)."""
    normalizer: Literal["basic", "english", "none"] = "basic"
    """What is scored: texts after Whisper's normalizer (`basic`: lower case without punctuation;
    `english`: numbers and contractions too), or as they are written."""
    generate: Generate = Generate()
    """How the model writes when it is scored."""
    augment: SpeechAugment = SpeechAugment()
    """What changes in training."""
