"""From frames to text by prefix beam search, with or without a language model over words."""

import math
from collections.abc import Callable, Iterable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.recipe.spec.tasks.speech import BeamSearch
from zoo.tasks.speech.ngram import BEGIN, END, NGram, Words

# kensho-technologies/pyctcdecode: constants.py, which itself takes numpy 1 alone
_LEAST_TOKEN, _LEAST_PREFIX = -5.0, -10.0
_NEVER = -math.inf
Ids = tuple[int, ...]


class Beam:
    """The likeliest transcripts over all alignments (Hannun et al. 2014, arXiv:1408.2873, alg. 1).

    A transcript's score in nats is log p(transcript | frames), plus with a language model `alpha`
    log p(words) + `beta` a word (ibid., eq. 2). Words count when they end; the end of the text
    counts as one. Unlikely tokens of a frame and prefixes far behind the best are left out.
    """

    def __init__(
        self, spec: BeamSearch, model: NGram | None, blank: int, text: Callable[[Ids], str]
    ) -> None:
        """`text` spells a prefix, spaces at its end included where it can."""
        self.spec, self.model, self.blank, self.text = spec, model, blank, text

    def transcribe(self, chances: Tensor, best: Ids) -> Ids:
        """The ids of the best transcript of one clip; `chances` (frames, vocabulary), log
        probabilities. `best` are greedy decoding's, than which it is never worse.
        """
        beams: dict[Ids, tuple[float, float]] = {(): (0.0, _NEVER)}
        words = cache(self.words)
        for frame, row in zip(chances.tolist(), self.likely(chances), strict=True):
            grown = self.grown(beams, frame, row)
            scored = {ids: _sum(*ends) + words(ids) for ids, ends in grown.items()}
            kept = sorted(scored, key=scored.__getitem__, reverse=True)[: self.spec.beam]
            least = scored[kept[0]] + _LEAST_PREFIX
            beams = {ids: grown[ids] for ids in kept if scored[ids] >= least}
        first = max(beams, key=lambda ids: _sum(*beams[ids]) + self.whole(ids))
        return max((first, best), key=lambda ids: self.score(chances, ids))

    def score(self, chances: Tensor, ids: Ids) -> float:
        """The score of a transcript over all of its alignments."""
        loss = F.ctc_loss(
            chances, torch.tensor(ids, dtype=torch.int64), torch.tensor(len(chances)),
            torch.tensor(len(ids)), self.blank, reduction="sum",
        )  # fmt: skip
        return self.whole(ids) - float(loss)

    def likely(self, chances: Tensor) -> Iterable[list[int]]:
        """The tokens of each frame that are looked at, the best one always among them."""
        kept = (chances >= _LEAST_TOKEN) | (chances == chances.amax(-1, keepdim=True))
        return ([int(token) for token in row.nonzero()] for row in kept)

    def grown(
        self, beams: dict[Ids, tuple[float, float]], frame: list[float], tokens: list[int]
    ) -> dict[Ids, tuple[float, float]]:
        """Prefixes after one more frame: log probabilities of ending in a blank, or in a token."""
        found: dict[Ids, tuple[float, float]] = {}

        def add(ids: Ids, blank: float = _NEVER, token: float = _NEVER) -> None:
            before = found.get(ids, (_NEVER, _NEVER))
            found[ids] = _sum(before[0], blank), _sum(before[1], token)

        for ids, (blank, token) in beams.items():
            for one in tokens:
                chance = frame[one]
                if one == self.blank:
                    add(ids, blank=_sum(blank, token) + chance)
                elif ids and one == ids[-1]:
                    add(ids, token=token + chance)
                    add((*ids, one), token=blank + chance)
                else:
                    add((*ids, one), token=_sum(blank, token) + chance)
        return found

    def words(self, ids: Ids) -> float:
        """What the language model says of the words that have ended."""
        if self.model is None:
            return 0.0
        text = self.text(ids)
        said = text.split()
        return self.told(tuple(said if text[-1:].isspace() else said[:-1]))

    def whole(self, ids: Ids) -> float:
        """What it says of all words and of the end."""
        if self.model is None:
            return 0.0
        words = tuple(self.text(ids).split())
        return self.told(words) + self.spec.alpha * self.model.score((BEGIN, *words), END)

    def told(self, words: Words) -> float:
        """The weighted score of words from the beginning of a text."""
        assert self.model is not None
        said = (BEGIN, *words)
        chances = (self.model.score(said[:at], said[at]) for at in range(1, len(said)))
        return self.spec.alpha * sum(chances) + self.spec.beta * len(words)


def _sum(one: float, other: float) -> float:
    """log(exp(one) + exp(other))."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))
