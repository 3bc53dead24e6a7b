"""A long text to ids piece by piece, each encoded between the ends of its neighbours."""

from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer

_AROUND = 1 << 10  # characters; no token and no rule of a tokenizer reaches as far in real text


def in_windows(inner: Tokenizer, pieces: Iterable[str]) -> Iterator[list[int]]:
    """The ids of each piece: joined those of the whole text, wherever it was cut. The tokens of a
    piece are those that begin in it.
    """
    waiting = _long(pieces)
    left, here = "", next(waiting, None)
    while here is not None:
        following = next(waiting, None)
        right = "" if following is None else following[:_AROUND]
        found = inner.encode(left + here + right, add_special_tokens=False)
        ids = list(found.ids)
        if left or right:
            first = len(left) if left else -1
            last = len(left) + len(here) if right else len(left) + len(here) + 1
            ids = [i for i, (at, _) in zip(ids, found.offsets, strict=True) if first <= at < last]
        yield ids
        left, here = (left + here)[-_AROUND:], following


def _long(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in pieces as long as what is looked at around one; the last may be shorter."""
    begun = ""
    for piece in pieces:
        begun += piece
        if len(begun) >= _AROUND:
            yield begun
            begun = ""
    if begun:
        yield begun
