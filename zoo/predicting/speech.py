"""Answers about clips, heard without ffmpeg: soundfile reads them, soxr changes their rate."""

from typing import Any

import numpy as np
import torch
from transformers import (
    AutoFeatureExtractor,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoTokenizer,
)

from zoo.data.audio import decode_audio
from zoo.data.rows import CorruptExample, Row
from zoo.predicting.against import Told, plain, texts_against
from zoo.predicting.exported import Exported, Options
from zoo.predicting.generation import Writing
from zoo.predicting.predictor import Answer, Predictor
from zoo.tasks.speech.augment import resampled
from zoo.tasks.speech.features import (
    SPECTROGRAM,
    features_of,
    least_samples,
    output_lengths,
    stacked,
)
from zoo.tasks.speech.transcripts import Spelling, language_model
from zoo.tasks.speech.windows import windowed
from zoo.tasks.text.sequences import read_back


def clip_of(row: Row, rate: int) -> np.ndarray:
    """A row's clip, float32 (samples,) at `rate` samples a second; raises CorruptExample."""
    audio, own = decode_audio(row["audio"])
    return resampled(audio, own, rate)


class Transcription(Predictor):
    """What is said in a clip, as evaluation reads it: greedily, or by the task's beam search.

    Not by transformers' pipeline: that reads Parakeet's extractor at 16 kHz alone, and in a batch
    the frames of its padding too.
    """

    choices = (("audio",),)

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.model = AutoModelForCTC.from_pretrained(exported.folder, **exported.loading)
        self.model.to(exported.device).eval()
        trusted = {"trust_remote_code": exported.trusted}
        self.extractor = AutoFeatureExtractor.from_pretrained(exported.folder, **trusted)
        self.spelling = Spelling(AutoTokenizer.from_pretrained(exported.folder, **trusted))
        beam, search = exported.key("decoder"), self.spelling.search
        words = language_model(exported.recipe)
        self.transcribe = search(beam, words) if beam else self.spelling.transcribe
        config = self.model.config
        self.masks = config.model_type in SPECTROGRAM or self.extractor.return_attention_mask
        self.shortest = least_samples(self.extractor, config)

    def read(self, row: Row) -> torch.Tensor:
        """Features (frames, bins) or (samples,); raises CorruptExample for a clip too short."""
        audio = clip_of(row, int(self.extractor.sampling_rate))
        if len(audio) < self.shortest:
            raise CorruptExample(f"a clip of {len(audio)} samples; {self.shortest} are needed")
        return features_of(self.extractor, audio)

    def answers(self, examples: list[torch.Tensor]) -> list[Answer]:
        """ "text": the transcript."""
        features, lengths = stacked(examples)
        name = self.extractor.model_input_names[0]
        given: dict[str, Any] = {name: features.to(self.model.device, self.model.dtype)}
        if self.masks:
            mask = torch.arange(features.shape[1]) < lengths[:, None]
            given["attention_mask"] = mask.to(self.model.device)
        frames = output_lengths(self.model.config, lengths)
        logits = self.model(**given).logits
        return [{"text": text} for text in self.transcribe(logits, frames)]

    def said(self, answer: Answer) -> str:
        """The transcript."""
        return str(answer["text"])

    def right(self, asked: Row, rest: Row) -> Answer:
        """See transcript."""
        return transcript(rest)

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """See heard."""
        return heard(answer, right)


def transcript(rest: Row) -> Answer:
    """What was said, if the row says so."""
    return {"text": rest["transcript"]} if "transcript" in rest else {}


def heard(answer: Answer, right: Answer) -> Told:
    """What was heard, word by word against what was said."""
    if not right:
        return [plain("heard", answer["text"])]
    return texts_against("heard", answer["text"], right["text"], always=True)


class Hearing(Writing):
    """What is said in a clip, written token by token in the language of the folder; what the window
    does not hold is not heard.
    """

    choices = (("audio",),)
    loader = AutoModelForSpeechSeq2Seq
    streams = False

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        self.extractor = AutoFeatureExtractor.from_pretrained(
            exported.folder, trust_remote_code=exported.trusted
        )

    def read(self, row: Row) -> torch.Tensor:
        """Features (bins, frames of the window); raises CorruptExample for a clip of nothing."""
        audio = clip_of(row, int(self.extractor.sampling_rate))
        if not len(audio):
            raise CorruptExample("a clip without samples")
        return windowed(self.extractor, audio)[0]

    def answers(self, examples: list[torch.Tensor]) -> list[Answer]:
        """ "text": what was written."""
        features = torch.stack(examples).to(self.model.dtype)
        most = self.options.max_new_tokens
        words = {"max_new_tokens": most} if most else {}
        found = self.generated({"input_features": features}, **words)
        return [{"text": text} for text in read_back(self.tokenizer, found)]

    def right(self, asked: Row, rest: Row) -> Answer:
        """See transcript."""
        return transcript(rest)

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """See heard."""
        return heard(answer, right)
