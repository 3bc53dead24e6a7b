"""Transcribe speech with connectionist temporal classification (Graves et al. 2006)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.joined import fingerprints
from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows, digest
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.speech import CTCSpec
from zoo.tasks.roles import fault, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.speech.augment import augmented_clip, drawn_masks, resampled
from zoo.tasks.speech.clips import between, longest_seconds
from zoo.tasks.speech.features import (
    SPECTROGRAM,
    WAVEFORM,
    build_extractor,
    frames_a_second,
    least_samples,
    mel_bins,
    mel_faults,
    output_lengths,
)
from zoo.tasks.speech.front_ends import front_end, handed_over, read
from zoo.tasks.speech.transcripts import (
    LEAST_SPELLED,
    Normal,
    Spelling,
    as_tensors,
    edit_scores,
    edit_sums,
    frames_needed,
    language_model,
    lost_targets,
    spelling_faults,
)
from zoo.tasks.task import NO_RECORDS, Outputs, Records, Task, lost_in
from zoo.tasks.text.files import save_tokenizer
from zoo.tasks.text.sequences import as_bytes
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint
from zoo.tasks.text.tokens import padded, texts, tokenizer_key
from zoo.tasks.text.vocabulary import CTC as SPECIALS


class CTC(Task):
    """logits (batch, frames, vocabulary); a target is one token of a transcript.

    The loss is the negative log likelihood of the transcripts in nats, so its mean is nats a token
    (a character where the vocabulary is characters). No target is a clip of fewer frames than its
    transcript needs, or a transcript of which the vocabulary knows less than half: it is counted,
    and scored in WER and CER.
    """

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, extractor, tokenizer and config."""
        assert isinstance(recipe.task, CTCSpec)
        self.spec = recipe.task
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        self.recipe, self.trained = recipe, fingerprints(source.train)
        self.dropped: dict[str, int] = {}  # train clips that are too short or long, by set
        self.low, self.high = self.spec.min_seconds, self.spec.max_seconds or np.inf
        self.normal = Normal(self.spec)
        made_of = digest(source.train.fingerprint, self.normal.fingerprint)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe, lambda: self._transcripts(source.train), made_of, SPECIALS
            )
            faults += spelling_faults(recipe, self.tokenizer)
        with collected(faults):
            family = family_config(recipe)
            faults += _augment_faults(recipe, family.model_type)
            self.extractor = build_extractor(recipe, family)
        with collected(faults):
            words = language_model(recipe)
        if faults:
            raise ConfigError(faults)
        self.spelling = Spelling(self.tokenizer)
        beam = self.spec.decoder
        self.transcribe = self.spelling.search(beam, words) if beam else self.spelling.transcribe
        self.lost = lost_targets(tokenizer_key(recipe), self.spec)
        written = {
            "vocab_size": (len(self.tokenizer), tokenizer_key(recipe)),
            "pad_token_id": (self.spelling.blank, tokenizer_key(recipe)),
            **mel_bins(self.extractor, family.model_type),
        }
        self.config = model_config(recipe, written)
        faults += mel_faults(recipe, self.config)
        if faults:
            raise ConfigError(faults)
        self.front = front_end(self.extractor)
        self.shortest = least_samples(self.extractor, self.config)

    @property
    def left_out(self) -> dict[str, int]:
        """See Task."""
        return {"dropped": sum(self.dropped.values())}

    def rows(self, rows: Rows) -> Rows:
        """Of the train rows those between `min_seconds` and `max_seconds`; of others all."""
        if rows.fingerprint not in self.trained:
            return rows
        kept = between(self.recipe, rows, self.low, self.high, self.lost["dropped"])
        self.dropped[rows.fingerprint] = len(rows) - len(kept)
        return kept

    def amounts(self, rows: Rows) -> np.ndarray | None:
        """See Task: seconds, or log-mel frames."""
        frames = self.recipe.run.batch_unit == "frames"
        rate = frames_a_second(self.recipe, self.extractor) if frames else 1.0
        seconds = longest_seconds(rows, self.spec.augment)
        return None if seconds is None else seconds * rate

    def outside(self, row: Row) -> bool:
        """Whether a clip is shorter or longer than training takes it."""
        return not self.low <= len(row["audio"]) / row["sampling_rate"] <= self.high

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """What is handed over of the clip, its frames and what of them is hidden, target ids, and
        the transcript to score with.
        """
        rate = int(self.extractor.sampling_rate)
        audio = resampled(row["audio"], row["sampling_rate"], rate)
        augment = self.spec.augment
        if training:
            audio = augmented_clip(audio, rate, augment, rng)
        if len(audio) < self.shortest:
            raise CorruptExample(f"a clip of {len(audio)} samples; {self.shortest} are needed")
        clip, frames = self.front.heard(audio)
        hidden = None
        if training and augment.spec_augment:
            bins = int(self.extractor.feature_size)
            hidden = drawn_masks(frames, bins, augment.spec_augment, rng)
        text = self.normal(row["transcript"])
        share, dropped = self.spelling.share(text), self.outside(row)
        learned = share >= LEAST_SPELLED and not (training and dropped)
        return {
            "clip": clip,
            "frames": frames,
            "hidden": hidden,
            "targets": self.spelling.targets(text) if learned else [],
            "text": text,
            "lost": {"dropped": dropped, "unspelled": share < 1},
        }

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """Clips padded, and how long they are; targets, lengths, and transcripts as UTF-8 bytes."""
        inputs = handed_over(examples)
        frames = output_lengths(self.config, inputs["frames"])
        weight = torch.tensor([example["weight"] for example in examples], dtype=torch.float32)
        needed = torch.tensor([frames_needed(example["targets"]) for example in examples])
        sizes = torch.tensor([len(example["targets"]) for example in examples])
        aligned = weight * ((sizes > 0) & (needed <= frames))
        unaligned = {"unaligned": float((weight * (needed > frames)).sum())}
        labels = {
            "targets": padded([example["targets"] for example in examples], 0),
            "target_lengths": sizes,
            "frames": frames,
            "aligned": aligned,
            "weight": weight,
            "text": as_bytes([example["text"] for example in examples]),
        }
        return {
            "inputs": inputs,
            "labels": labels,
            "count": (aligned * sizes).double().sum(),
            "places": (int(inputs["frames"].sum()), len(examples) * int(inputs["frames"].max())),
            "lost": unaligned | lost_in(examples, ("dropped", "unspelled")),
        }

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Features float32 (batch, frames, bins) or (batch, samples), with their mask where the
        model reads one.
        """
        features = read(self.front, inputs)
        found = {self.extractor.model_input_names[0]: features}
        if self.config.model_type in SPECTROGRAM or self.extractor.return_attention_mask:
            places = torch.arange(features.shape[1], device=features.device)
            found["attention_mask"] = places < inputs["frames"][:, None]
        return found

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Negative log likelihood in nats, summed over the clips that can be aligned."""
        labels = batch["labels"]
        each = F.ctc_loss(
            outputs["logits"].float().log_softmax(-1).transpose(0, 1),
            labels["targets"],
            labels["frames"],
            labels["target_lengths"],
            self.spelling.blank,
            reduction="none",
            zero_infinity=True,
        )
        return (each * labels["aligned"]).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats, tokens, clips, and the edits of what is decoded in words and in characters."""
        labels = batch["labels"]
        logits = outputs["logits"].detach()
        found = map(self.normal, self.transcribe(logits, labels["frames"]))
        sums = as_tensors(edit_sums(list(found), labels["text"], labels["weight"]), logits.device)
        count = (labels["aligned"] * labels["target_lengths"]).sum().double()
        return {"loss": self.loss({"logits": logits}, batch).double(), "count": count, **sums}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a token, word and character error rates, share of perfect clips."""
        return {"loss": ratio(totals["loss"], totals["count"]), **edit_scores(totals)}

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"tokenizer": tokenizer_fingerprint(self.tokenizer)}

    def save(self, folder: Path) -> None:
        """Extractor and tokenizer, each in its own file: Parakeet's processor takes 16 kHz only."""
        self.extractor.save_pretrained(folder)
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)

    def _transcripts(self, rows: Rows) -> Iterator[str]:
        return (self.normal(text) for text in texts(rows, ["transcript"]))


def _augment_faults(recipe: Recipe, model_type: str) -> list[Fault]:
    """spec_augment masks spectrograms, and never beside the model's own masks."""
    assert isinstance(recipe.task, CTCSpec)
    if not recipe.task.augment.spec_augment or model_type not in WAVEFORM:
        return []
    allowed = f"off: {model_type} reads waveforms and masks by model.config.mask_time_prob"
    return [fault(recipe, "task.augment.spec_augment", "on", allowed)]
