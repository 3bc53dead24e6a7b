"""Transcripts of a CTC task: as they are learned, read from frames, and compared."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from zoo.data.rows import digest
from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.speech import BeamSearch, CTCSpec
from zoo.tasks.roles import fault
from zoo.tasks.scores import ratio, text_edits
from zoo.tasks.speech.beam import Beam
from zoo.tasks.speech.ngram import NGram, read_arpa
from zoo.tasks.task import Lost
from zoo.tasks.text.encoding import encoder
from zoo.tasks.text.sequences import from_bytes
from zoo.tasks.text.tokens import tokenizer_key

_APOSTROPHE = "'"
_APOSTROPHES = "\u2019\u2018\u02bc\uff07"  # typeset, opening, as a letter, of full width
LEAST_SPELLED = 0.5
"""A transcript of which less than this share can be spelled is no target: learning it would teach
to leave letters out."""
_NOWHERE = "\ue000"  # of the private use area: in no vocabulary

Transcribe: TypeAlias = Callable[[Tensor, Tensor], list[str]]


class Normal:
    """A transcript as it is learned and scored.

    Composed (NFC) and with straight apostrophes, as the same words are typed in several ways; in
    lower case and without some characters where the task says so; with single spaces.
    """

    def __init__(self, spec: CTCSpec) -> None:
        self.lowercase = spec.lowercase
        self.removed = str.maketrans("", "", self._alike(spec.remove_characters))
        self.fingerprint = digest("composed", spec.lowercase, spec.remove_characters)

    def __call__(self, transcript: str) -> str:
        return " ".join(self._alike(transcript).translate(self.removed).split())

    def _alike(self, text: str) -> str:
        straight = text.translate(dict.fromkeys(map(ord, _APOSTROPHES), _APOSTROPHE))
        return unicodedata.normalize("NFC", straight.lower() if self.lowercase else straight)


class Spelling:
    """Between transcripts and the ids of a tokenizer whose pad token is the blank."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.blank = int(tokenizer.pad_token_id)
        self.encode = encoder(tokenizer)
        self.known: dict[str, bool] = {}

    def targets(self, text: str) -> list[int]:
        """The text's ids; what the vocabulary does not know is left out."""
        unknown = self.tokenizer.unk_token_id
        return [token for token in self.encode(self._spelt(text)) if token != unknown]

    def share(self, text: str) -> float:
        """Which part of the text's characters, spaces aside, the vocabulary knows; 0 of none."""
        letters = [letter for letter in self._spelt(text) if not letter.isspace()]
        for letter in set(letters) - self.known.keys():
            self.known[letter] = self._knows(letter)
        return sum(self.known[letter] for letter in letters) / max(len(letters), 1)

    @cached_property
    def apostrophe(self) -> str:
        """The apostrophe of a vocabulary that has another one than the straight."""
        others = [] if self._knows(_APOSTROPHE) else list(filter(self._knows, _APOSTROPHES))
        return others[0] if others else _APOSTROPHE

    def _spelt(self, text: str) -> str:
        return text.replace(_APOSTROPHE, self.apostrophe) if _APOSTROPHE in text else text

    def _knows(self, letter: str) -> bool:
        """Whether a character is spelled in another way than one that is in no vocabulary."""
        found, unknown = self.encode(letter), self.tokenizer.unk_token_id
        return unknown not in found and found != self.encode(_NOWHERE)

    def transcribe(self, logits: Tensor, frames: Tensor) -> list[str]:
        """The best token of each frame, repeats and blanks dropped, as text.

        logits (batch, frames, vocabulary); `frames` (batch,) says how many belong to each clip.
        """
        best = logits.argmax(-1).cpu()
        best[~self.readable(logits)[best]] = self.blank
        lines = zip(best.tolist(), frames.tolist(), strict=True)
        return [" ".join(self.tokenizer.decode(ids[:length]).split()) for ids, length in lines]

    def readable(self, logits: Tensor) -> Tensor:
        """Which outputs are tokens or the blank (vocabulary,), bool, on the CPU: neither padding
        of the vocabulary nor the unknown token.
        """
        ids = torch.arange(logits.shape[-1])
        unknown = self.tokenizer.unk_token_id
        return (ids < len(self.tokenizer)) & (ids != (-1 if unknown is None else unknown))

    def search(self, beam: BeamSearch, model: NGram | None) -> Transcribe:
        """As `transcribe`, by beam search."""
        found = Beam(beam, model, self.blank, self.text)

        def transcribe(logits: Tensor, frames: Tensor) -> list[str]:
            unread = ~self.readable(logits)
            chances = logits.float().cpu().masked_fill(unread, -torch.inf).log_softmax(-1)
            texts = []
            for clip, length in zip(chances, frames.tolist(), strict=True):
                best = (int(one) for one, _ in groupby(clip[:length].argmax(-1).tolist()))
                greedy = tuple(one for one in best if one != self.blank)
                texts.append(" ".join(self.text(found.transcribe(clip[:length], greedy)).split()))
            return texts

        return transcribe

    def text(self, ids: Sequence[int]) -> str:
        """Tokens as text, equal neighbours kept apart."""
        apart = [one for token in ids for one in (token, self.blank)]
        return str(self.tokenizer.decode(apart))


def language_model(recipe: Recipe) -> NGram | None:
    """The language model of `task.decoder`; a ConfigError for a file that is not there or none."""
    assert isinstance(recipe.task, CTCSpec)
    decoder = recipe.task.decoder
    if not decoder or not decoder.language_model:
        return None
    try:
        return read_arpa(Path(decoder.language_model))
    except (OSError, EOFError, ValueError) as error:
        found = f"{decoder.language_model} ({getattr(error, 'strerror', None) or error})"
        key, allowed = "task.decoder.language_model", "an ARPA file of words, .gz or not"
        raise ConfigError([fault(recipe, key, found, allowed)]) from error


def lost_targets(tokenizer_key: str, spec: CTCSpec) -> dict[str, Lost]:
    """The counters of a CTC task, see Task."""
    bound = "task.min_seconds" if spec.max_seconds is None else "task.max_seconds"
    return {
        "dropped": Lost(bound, "a range of seconds that keeps the clips"),
        "unaligned": Lost(
            tokenizer_key,
            "transcripts that fit into their clips' frames: less subsampling in model.config, or a "
            "tokenizer of larger pieces",
        ),
        "unspelled": Lost(
            tokenizer_key,
            "a vocabulary that knows the characters of the transcripts (task.lowercase and "
            "task.remove_characters change those)",
        ),
    }


def frames_needed(targets: list[int]) -> int:
    """The fewest frames CTC can spell these in: equal neighbours need a blank between them."""
    return len(targets) + sum(a == b for a, b in pairwise(targets))


def edit_sums(found: list[str], wanted: Tensor, weight: Tensor) -> dict[str, float]:
    """Edits in words and characters, clips, and exact ones, each clip by its weight.

    `wanted` uint8 (batch, longest): UTF-8 bytes, 0 behind the end; `weight` (batch,).
    """
    names = ("word_edits", "words", "character_edits", "characters", "clips", "exact")
    sums = dict.fromkeys(names, 0.0)
    for text, right, share in zip(found, from_bytes(wanted), weight.tolist(), strict=True):
        clip = {**text_edits(text, right), "clips": 1, "exact": text == right}
        for name in names:
            sums[name] += share * clip[name]
    return sums


def edit_scores(totals: Mapping[str, Tensor]) -> dict[str, float]:
    """Word and character error rates, and the share of perfect clips, of added-up `edit_sums`."""
    return {
        "wer": ratio(totals["word_edits"], totals["words"]),
        "cer": ratio(totals["character_edits"], totals["characters"]),
        "exact": ratio(totals["exact"], totals["clips"]),
    }


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
