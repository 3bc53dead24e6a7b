"""Answers against what would have been right: texts in stretches, each with how it stands."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

How = Literal["", "right", "wrong", "missed", "extra", "absent", "written"]
"""How a stretch stands: an answer that is `right` or `wrong`, a right one that was `missed`; of
texts that are compared word by word a word too much (`extra`) or `absent`; what a model `written`.
"""
ALIKE = 0.5
"""The share of common words from which on two texts are compared word by word."""


@dataclass(frozen=True)
class Stretch:
    """A part of a text, how it stands, and what is said of it: its class, its probability."""

    text: str
    how: How = ""
    note: str = ""


Told = list[tuple[str, list[Stretch]]]
"""Texts with their headings."""


def plain(head: str, text: str) -> tuple[str, list[Stretch]]:
    """A text without marks."""
    return head, [Stretch(text)]


def texts_against(head: str, found: str, wanted: str, always: bool = False) -> Told:
    """A text against the one that is wanted: the same, word by word where they are alike (or
    `always`), else one below the other.
    """
    ours, theirs = found.split(), wanted.split()
    if ours == theirs:
        return [(head, [Stretch(found or "nothing", "right")])]
    matcher = difflib.SequenceMatcher(a=ours, b=theirs, autojunk=False)
    if always or matcher.ratio() >= ALIKE:
        return [(head, words_against(ours, theirs))]
    return [plain(head, found), plain("right", wanted)]


def words_against(ours: Sequence[str], theirs: Sequence[str]) -> list[Stretch]:
    """Words against those that are wanted, with what is too much and what is absent marked."""
    spans: list[Stretch] = []
    matcher = difflib.SequenceMatcher(a=ours, b=theirs, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            spans.append(Stretch(" ".join(ours[a:b])))
        else:
            both: tuple[tuple[str, How], ...] = (
                (" ".join(ours[a:b]), "extra"),
                (" ".join(theirs[c:d]), "absent"),
            )
            spans += [Stretch(text, how) for text, how in both if text]
        spans.append(Stretch(" "))
    return spans[:-1]


Placed = tuple[int, int, Stretch]
"""First character, the first behind the last, and the stretch that stands there."""


def in_text(
    text: str, placed: Iterable[Placed], begin: int = 0, end: int | None = None
) -> list[Stretch]:
    """The text from `begin` to `end` with stretches, which do not overlap, in their places; signs
    of omission where it is cut.
    """
    end = len(text) if end is None else min(end, len(text))
    spans, at = [Stretch("… " if begin else "")], begin
    for first, last, one in sorted(placed, key=lambda one: one[:2]):
        if at <= first and last <= end:
            spans += [Stretch(text[at:first]), one]
            at = last
    spans += [Stretch(text[at:end]), Stretch(" …" if end < len(text) else "")]
    return [one for one in spans if one.text]


def crossed(found: tuple[int, int], wanted: tuple[int, int], text: str) -> list[Placed]:
    """Two places of a text, one that was found and one that is right: what they share is right."""
    edges = sorted({*found, *wanted})
    placed: list[Placed] = []
    for first, last in pairwise(edges):
        ours = found[0] <= first and last <= found[1]
        theirs = wanted[0] <= first and last <= wanted[1]
        how: How = "right" if ours and theirs else "wrong" if ours else "missed"
        if (ours or theirs) and text[first:last].strip():
            placed.append((first, last, Stretch(text[first:last], how)))
    return placed
