"""Texts to ids by a dictionary of words, exact where a tokenizer cuts words by a pattern.

Most of a tokenizer's time goes into cutting, and words recur: each is encoded once.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import regex
from tokenizers import Tokenizer

from zoo.data.rows import PIECE
from zoo.data.tokens.patterns import GPT2, SPACED, for_ascii, of_bytes, pattern_of
from zoo.data.tokens.windows import in_windows

_WORDS, _LETTERS = 1 << 15, 1 << 19  # that are kept, and as many that stood before them
SAFE = "[A-Za-z](?=[ \n])"
"""A letter before a space or a line end: there any pattern of words cuts."""
_LAST, _NEXT = regex.compile(f"(?r){SAFE}"), regex.compile(SAFE)
_STRETCH = 1 << 12  # characters that are encoded at once


class WordEncoder:
    """The pieces of one document to its ids: equal to what `inner` makes of the whole text.

    A text that holds the spelling of an added token is left to `inner`, and so is one that the
    pattern does not cover. Long texts are encoded in stretches that end where any pattern cuts
    (`SAFE`; a text that has no such place in 1 MiB is cut where it is).
    """

    def __init__(self, inner: Tokenizer) -> None:
        self.inner = inner
        found = pattern_of(inner)
        self.pattern = None if found is None else regex.compile(found)
        self.ascii = None if found is None else for_ascii(found)
        self.certain = found in (GPT2, SPACED)
        self.added = tuple(token.content for token in inner.get_added_tokens_decoder().values())
        self.heads = tuple({one[:2] for one in self.added})
        by_bytes = found is not None and found != SPACED
        self.known = _Known(of_bytes(inner) if by_bytes else self._of_text)

    @property
    def by_words(self) -> bool:
        """Whether parts of a text that begin and end at safe places may be encoded apart."""
        return self.pattern is not None

    def __call__(self, pieces: Iterable[str]) -> Iterator[np.ndarray]:
        """The ids of one document, int32, stretch by stretch."""
        if self.by_words:
            return map(self._ids, _stretches(pieces))
        return self._in_pieces(iter(pieces))

    def agrees(self, text: str) -> bool:
        """Whether the dictionary and the tokenizer agree on a text; if not, it is not used again:
        what Python's patterns and the tokenizer's mean could differ in a version to come.
        """
        if self.by_words and not np.array_equal(self._ids(text), self._whole(text)):
            self.pattern = None
            return False
        return True

    def _ids(self, text: str) -> np.ndarray:
        if self.pattern is None or self._holds_added(text):
            return self._whole(text)
        cutter = self.ascii if self.ascii and text.isascii() else self.pattern
        words: list[str] = cutter.findall(text)
        if not self.certain and sum(map(len, words)) != len(text):
            return self._whole(text)
        return np.frombuffer(b"".join(map(self.known.__getitem__, words)), np.intc)

    def _whole(self, text: str) -> np.ndarray:
        return np.array(self._of_text(text), np.intc)

    def _of_text(self, text: str) -> list[int]:
        found = self.inner.encode_batch_fast([text], add_special_tokens=False)[0]
        ids: list[int] = found.ids
        return ids

    def _holds_added(self, text: str) -> bool:
        return any(head in text for head in self.heads) and any(one in text for one in self.added)

    def _in_pieces(self, pieces: Iterator[str]) -> Iterator[np.ndarray]:
        """One piece alone is fastest; of several, each is encoded between its neighbours."""
        first, second = next(pieces, None), next(pieces, None)
        if first is None:
            return
        if second is None:
            yield self._whole(first)
        else:
            whole = in_windows(self.inner, chain([first, second], pieces))
            yield from (np.array(ids, np.intc) for ids in whole)

    def __reduce__(self) -> tuple[type["WordEncoder"], tuple[Tokenizer]]:
        return WordEncoder, (self.inner,)  # what it knows of words stays here


class _Known(dict[str, bytes]):
    """The ids of words, each encoded when it is first asked for.

    When there are many they make room for new ones; those that are asked for again by the time
    that there are many new ones come back. So words that recur stay, in a memory that has an end.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]]) -> None:
        super().__init__()
        self.encode, self.letters = encode, 0
        self.before: dict[str, bytes] = {}

    def __missing__(self, word: str) -> bytes:
        if len(self) >= _WORDS or self.letters >= _LETTERS:
            self.before, self.letters = dict(self), 0
            self.clear()
        found = self.before.get(word)
        if found is None:
            found = array("i", self.encode(word)).tobytes()
        self[word] = found
        self.letters += len(word)
        return found


def _stretches(pieces: Iterable[str]) -> Iterator[str]:
    """The same text, cut at safe places."""
    text = ""
    for piece in pieces:
        text, start = text + piece, 0
        while len(text) - start > _STRETCH:
            found = _LAST.search(text, start + 1, start + _STRETCH)
            found = found or _NEXT.search(text, start + _STRETCH)
            if found is None and len(text) - start < PIECE:
                break
            end = len(text) if found is None else found.end()
            yield text[start:end]
            start = end
        text = text[start:]
    if text:
        yield text
