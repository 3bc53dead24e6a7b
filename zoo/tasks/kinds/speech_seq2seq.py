"""Write down what is said in a clip, token by token (Whisper; Radford et al. 2022)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from zoo.data.joined import fingerprints
from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import Written, family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.speech import SpeechSeq2SeqSpec
from zoo.tasks.generation import Writer, generation_config
from zoo.tasks.roles import fault, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.speech.augment import augmented_clip, drawn_masks, resampled
from zoo.tasks.speech.clips import between
from zoo.tasks.speech.features import build_extractor
from zoo.tasks.speech.front_ends import front_end, handed_over, read
from zoo.tasks.speech.transcripts import as_tensors, edit_scores, edit_sums
from zoo.tasks.speech.windows import (
    FAMILIES,
    WINDOW,
    normalizer,
    said_prefix,
    start_fault,
    tell_languages,
    window,
    window_faults,
    window_ids,
)
from zoo.tasks.task import NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.encoding import encoder, frame_of
from zoo.tasks.text.files import save_tokenizer
from zoo.tasks.text.sequences import read_back, sequence_faults, taught
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint
from zoo.tasks.text.tokens import (
    special_ids,
    texts,
    token_loss,
    token_tally,
    tokenizer_key,
)
from zoo.tasks.text.vocabulary import SPEECH

LOST = {
    "dropped": Lost(WINDOW, "a window that holds the clips, none of them below task.min_seconds"),
    "overlong": Lost("model.config.max_target_positions", "positions that hold the transcripts"),
}


class SpeechSeq2Seq(Task):
    """logits (batch, length, vocabulary) against labels (batch, length); the decoder begins with
    the tokens of language and task, which are targets but for the first.

    No target is, in training, a clip that the window does not hold, and anywhere a transcript that
    the decoder's positions do not: both are counted, and scored in WER and CER.
    """

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, extractor, tokenizer and config."""
        assert isinstance(recipe.task, SpeechSeq2SeqSpec)
        self.recipe, self.spec, self.lost = recipe, recipe.task, LOST
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        self.trained = fingerprints(source.train)
        self.dropped: dict[str, int] = {}  # train clips that are too short or long, by set
        with collected(faults):
            family = family_config(recipe)
            self.extractor = build_extractor(recipe, family, FAMILIES)
            faults += window_faults(recipe, self.extractor)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe, lambda: self._transcripts(source.train), source.train.fingerprint, SPEECH
            )
            faults += sequence_faults(recipe, self.tokenizer) or said_prefix(recipe, self.tokenizer)
        if faults:
            raise ConfigError(faults)
        self.before, self.after = frame_of(self.tokenizer)
        self.config = model_config(recipe, self._written())
        faults += start_fault(recipe, self.tokenizer, self.config)
        longest = int(self.config.max_target_positions) - len(self.before)
        faults += self._generate_faults(longest)
        with collected(faults):
            self.generation = generation_config(
                recipe, self.config, self.tokenizer, self.spec.generate, max(longest, 1)
            )
            tell_languages(self.generation, self.tokenizer, self.spec)
        if faults:
            raise ConfigError(faults)
        self.encode = encoder(self.tokenizer)
        self.normal = normalizer(self.spec.normalizer, self.tokenizer)
        self.front = front_end(self.extractor, windows=True)
        self.low, self.high = self.spec.min_seconds, float(self.extractor.chunk_length)
        self.written = Writer(recipe, self.generation)

    def _written(self) -> Written:
        """What tokenizer and extractor rule in the configuration."""
        ids = dict(special_ids(self.recipe, self.tokenizer))
        ruler = tokenizer_key(self.recipe)
        if ruler != "model.name":
            start = next(iter(self.before), None)
            ids |= {"decoder_start_token_id": (start, ruler)}
            ids |= dict.fromkeys(("suppress_tokens", "begin_suppress_tokens"), (None, ruler))
        return {**ids, **window_ids(self.extractor)}

    def _generate_faults(self, longest: int) -> list[Fault]:
        asked = self.spec.generate.max_new_tokens
        if asked is None or asked <= longest:
            return []
        allowed = f"at most {longest}: max_target_positions less what a text begins with"
        return [fault(self.recipe, "task.generate.max_new_tokens", str(asked), allowed)]

    @property
    def left_out(self) -> dict[str, int]:
        """See Task."""
        return {"dropped": sum(self.dropped.values())}

    def rows(self, rows: Rows) -> Rows:
        """Of the train rows those that the window holds; of others all."""
        if rows.fingerprint not in self.trained:
            return rows
        kept = between(self.recipe, rows, self.low, self.high, self.lost["dropped"])
        self.dropped[rows.fingerprint] = len(rows) - len(kept)
        return kept

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: the whole window, whatever is said in it."""
        frames = self.recipe.run.batch_unit == "frames"
        whole = window(self.extractor) if frames else self.extractor.chunk_length
        return np.full(len(rows), float(whole))

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """What is handed over of the clip, its frames and what of them is hidden, target ids, and
        the transcript to score with.
        """
        rate, augment = int(self.extractor.sampling_rate), self.spec.augment
        audio = resampled(row["audio"], row["sampling_rate"], rate)
        if training:
            audio = augmented_clip(audio, rate, augment, rng)
        if not len(audio):
            raise CorruptExample("a clip without samples")
        clip, frames = self.front.heard(audio)
        hidden = None
        if training and augment.spec_augment:
            bins = int(self.extractor.feature_size)
            hidden = drawn_masks(frames, bins, augment.spec_augment, rng)
        ids = [*self.before[1:], *self.encode(row["transcript"].strip()), *self.after]
        dropped = not self.low <= len(row["audio"]) / row["sampling_rate"] <= self.high
        overlong = len(ids) > self.config.max_target_positions
        return {
            "clip": clip,
            "frames": frames,
            "hidden": hidden,
            "labels": [] if overlong or (training and dropped) else ids,
            "text": self.normal(row["transcript"]),
            "lost": {"dropped": dropped, "overlong": overlong},
        }

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """Clips padded, and how long they are, decoder_input_ids and labels (batch, longest),
        normalised transcripts as UTF-8 bytes.
        """
        start, pad = int(self.config.decoder_start_token_id), int(self.tokenizer.pad_token_id)
        written, labels, count = taught(examples, start, pad)
        return {
            "inputs": {**handed_over(examples), "decoder_input_ids": written},
            "labels": labels,
            "count": count,
            "places": (
                sum(one["frames"] for one in examples),
                len(examples) * window(self.extractor),
            ),
            "lost": lost_in(examples, self.lost),
        }

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """input_features float32 (batch, bins, frames), and decoder_input_ids."""
        features = read(self.front, inputs).transpose(1, 2).contiguous()
        return {"input_features": features, "decoder_input_ids": inputs["decoder_input_ids"]}

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Smoothed cross entropy in nats, summed over the target tokens."""
        labels = batch["labels"]["labels"]
        return token_loss(outputs["logits"], labels, self.spec.label_smoothing)

    def predict(self, model: Any, batch: Batch) -> Outputs:
        """One forward over the targets for the loss, and "sequences" (batch, length): ids that the
        model writes. Every rank calls it equally often.
        """
        found = self.written(model, batch["inputs"]["input_features"])
        return {**model(**batch["inputs"]), "sequences": found}

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats, target tokens, clips, and edits in words and in characters."""
        labels = batch["labels"]
        found = [self.normal(text) for text in read_back(self.tokenizer, outputs["sequences"])]
        sums = edit_sums(found, labels["text"], labels["weight"])
        own = token_tally(outputs["logits"], batch)
        return {**own, **as_tensors(sums, outputs["logits"].device)}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a token, word and character error rates, share of perfect clips."""
        return {"loss": ratio(totals["loss"], totals["count"]), **edit_scores(totals)}

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"tokenizer": tokenizer_fingerprint(self.tokenizer)}

    def save(self, folder: Path) -> None:
        """Extractor and tokenizer, each in its own file, and how the model writes."""
        self.extractor.save_pretrained(folder)
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)
        self.generation.save_pretrained(folder)

    def _transcripts(self, rows: Rows) -> Iterator[str]:
        return (text.strip() for text in texts(rows, ["transcript"]))
