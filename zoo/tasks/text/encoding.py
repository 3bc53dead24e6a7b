"""Texts to ids, alone, in pieces or with the place of each token in the text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from zoo.data.tokens.scheme import EncodePieces, Frame, Scheme
from zoo.data.tokens.words import WordEncoder

Ids = list[int]
Spans = Sequence[tuple[int, int]]
"""Stretches of a text: the first character and the one behind the last, in order."""


def plain_backend(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy of a fast tokenizer's inside that neither cuts nor pads.

    A tokenizer.json keeps both from whoever saved it last; transformers undoes them in each call of
    the tokenizer, but its inside obeys them.
    """
    inner = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    inner.no_padding()
    inner.no_truncation()
    return inner


def encoder(tokenizer: PreTrainedTokenizerBase) -> Callable[[str], Ids]:
    """Text to ids without special tokens around it; much faster than calling the tokenizer."""
    if tokenizer.is_fast:
        return partial(_fast_ids, plain_backend(tokenizer))
    return partial(_slow_ids, tokenizer)


def piecewise(tokenizer: PreTrainedTokenizerBase) -> EncodePieces:
    """The pieces of one text to their ids: joined those of the whole text, wherever it was cut.

    A slow tokenizer does not tell where tokens begin: there each piece is a text of its own.
    """
    if tokenizer.is_fast:
        return WordEncoder(plain_backend(tokenizer))
    return partial(map, partial(_slow_ids, tokenizer))


def frame_of(tokenizer: PreTrainedTokenizerBase) -> tuple[Ids, Ids]:
    """The special ids that the tokenizer itself puts before and behind a text."""
    bare = list(tokenizer("a", add_special_tokens=False).input_ids)
    whole = list(tokenizer("a").input_ids)
    places = range(len(whole) - len(bare) + 1)
    start = next((at for at in places if whole[at : at + len(bare)] == bare), None)
    return ([], []) if start is None else (whole[:start], whole[start + len(bare) :])


def document_frame(tokenizer: PreTrainedTokenizerBase) -> tuple[Ids, Ids]:
    """What stands around each document of a stream: the tokenizer's own special ids, and behind it
    its end of text (if it has one) where it puts nothing there.
    """
    before, after = frame_of(tokenizer)
    end = tokenizer.eos_token_id
    return before, after or ([] if end is None else [end])


def vocabulary_size(tokenizer: PreTrainedTokenizerBase) -> int:
    """One more than the largest id: more than there are tokens where ids have holes."""
    return max(len(tokenizer), 1 + max(tokenizer.get_vocab().values(), default=-1))


def scheme(tokenizer: PreTrainedTokenizerBase, fingerprint: str, frame: Frame) -> Scheme:
    """How documents of a stream become the ids of a tokenizer."""
    return Scheme(piecewise(tokenizer), frame, vocabulary_size(tokenizer), fingerprint)


@dataclass(frozen=True)
class Speller:
    """One text to ids, and which of them stand for stretches of it."""

    tokenizer: PreTrainedTokenizerBase
    inner: Tokenizer | None

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "Speller":
        """Of a tokenizer, which stays as it is."""
        return cls(tokenizer, plain_backend(tokenizer) if tokenizer.is_fast else None)

    def marked(self, text: str, spans: Spans, framed: bool) -> tuple[Ids, list[bool]]:
        """The ids of the whole text, encoded at once, and a mark on each that has a character of a
        span; with `framed` the tokenizer's special tokens stand around it, unmarked.
        """
        if self.inner is None:
            return self._slow(text, spans, framed)
        found = self.inner.encode(text, add_special_tokens=framed)
        marks = [False] * len(found.ids)
        for first, last in spans:
            for place, (start, end) in enumerate(found.offsets):
                marks[place] |= max(start, first) < min(end, last) or first < start == end < last
        return list(found.ids), marks

    def _slow(self, text: str, spans: Spans, framed: bool) -> tuple[Ids, list[bool]]:
        ids = list(self.tokenizer.encode(text, add_special_tokens=framed))

        def before(place: int) -> int:
            begun = list(self.tokenizer.encode(text[:place], add_special_tokens=framed))
            return shared(ids, begun)

        stretches = [range(before(first), before(last)) for first, last in spans]
        return ids, [any(place in one for one in stretches) for place in range(len(ids))]


def shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many elements two sequences have in common from their beginning on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _fast_ids(inner: Tokenizer, text: str) -> Ids:
    return list(inner.encode(text, add_special_tokens=False).ids)


def _slow_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> Ids:
    return list(tokenizer.encode(text, add_special_tokens=False))
