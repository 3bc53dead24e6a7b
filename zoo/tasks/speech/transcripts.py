"""Transcripts of a CTC task: as they are learned, read from frames, and compared."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.recipe.spec.task import CTCSpec
from zoo.tasks.roles import fault
from zoo.tasks.scores import text_edits
from zoo.tasks.text.tokenizer import encoder
from zoo.tasks.text.tokens import tokenizer_key


class Normal:
    """A transcript as it is learned and scored: single spaces, what the task says removed."""

    def __init__(self, spec: CTCSpec) -> None:
        self.removed = str.maketrans("", "", spec.remove_characters)
        self.lowercase = spec.lowercase

    def __call__(self, transcript: str) -> str:
        text = " ".join(transcript.translate(self.removed).split())
        return text.lower() if self.lowercase else text


class Spelling:
    """Between transcripts and the ids of a tokenizer whose pad token is the blank."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.blank = int(tokenizer.pad_token_id)
        self.encode = encoder(tokenizer)

    def targets(self, text: str) -> list[int]:
        """The text's ids; what the vocabulary does not know is left out."""
        unknown = self.tokenizer.unk_token_id
        return [token for token in self.encode(text) if token != unknown]

    def transcribe(self, logits: Tensor, frames: Tensor) -> list[str]:
        """The best token of each frame, repeats and blanks dropped, as text.

        logits (batch, frames, vocabulary); `frames` (batch,) says how many belong to each clip.
        """
        best = logits.argmax(-1).cpu()
        if self.tokenizer.unk_token_id is not None:
            best[best == self.tokenizer.unk_token_id] = self.blank
        best[best >= len(self.tokenizer)] = self.blank  # padding of the vocabulary
        lines = zip(best.tolist(), frames.tolist(), strict=True)
        return [" ".join(self.tokenizer.decode(ids[:length]).split()) for ids, length in lines]


def frames_needed(targets: list[int]) -> int:
    """The fewest frames CTC can spell these in: equal neighbours need a blank between them."""
    return len(targets) + sum(a == b for a, b in pairwise(targets))


def edit_sums(found: list[str], wanted: Tensor, weight: Tensor) -> dict[str, float]:
    """Edits in words and characters, clips, and exact ones, each clip by its weight.

    `wanted` uint8 (batch, longest): UTF-8 bytes, 0 behind the end; `weight` (batch,).
    """
    names = ("word_edits", "words", "character_edits", "characters", "clips", "exact")
    sums = dict.fromkeys(names, 0.0)
    lines = wanted.cpu().numpy()
    for text, line, share in zip(found, lines, weight.tolist(), strict=True):
        right = bytes(line[line > 0]).decode()
        clip = {**text_edits(text, right), "clips": 1, "exact": text == right}
        for name in names:
            sums[name] += share * clip[name]
    return sums


def spelling_faults(recipe: Recipe, tokenizer: Any) -> list[Fault]:
    """The pad token is the blank, and decoding must drop it and collapse repeats."""
    key = tokenizer_key(recipe)
    blank = tokenizer.pad_token_id
    if blank is None:
        return [fault(recipe, key, "a tokenizer without pad token", "one whose pad is the blank")]
    special = set(tokenizer.all_special_ids)
    ordinary = next(token for token in range(len(tokenizer) - 1, -1, -1) if token not in special)
    once, frames = tokenizer.decode([ordinary]), tokenizer.decode([ordinary, ordinary, blank])
    if once.strip() == frames.strip():
        return []
    allowed = "characters, bytes, a trained one, or one of a CTC model"
    return [fault(recipe, key, f"{type(tokenizer).__name__}, which decodes no CTC", allowed)]


def as_tensors(sums: dict[str, float], device: torch.device) -> dict[str, Tensor]:
    """Plain sums as 0-d float64 tensors on a device."""
    return {
        name: torch.tensor(value, dtype=torch.float64, device=device)
        for name, value in sums.items()
    }
