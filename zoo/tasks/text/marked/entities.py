"""Entities in tags of words: where they begin and end, in which scheme, and how many are right."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

OUTSIDE = "O"
Entity = tuple[str, int, int]  # type, first word, last word
_MARKED = re.compile(r"[BIES]-.+")
_OTHER = re.compile(r"[LU]-.+")
_MARKS = {"iob1": "BI", "iob2": "BI", "iobes": "BIES"}


def entities(tags: Sequence[str], alone: bool = False) -> list[Entity]:
    """The entities of a text in order, of IOB1, IOB2 or IOBES, and read mildly what is none of
    them: seqeval's default, conlleval.pl (seqeval/metrics/sequence_labeling.py: get_entities).

    `alone`: every word but those with the tag O is one, and its tag the type.
    """
    if alone:
        return [(tag, place, place) for place, tag in enumerate(tags) if tag != OUTSIDE]
    found: list[Entity] = []
    begin, before = 0, OUTSIDE
    for place, tag in enumerate((*tags, OUTSIDE)):
        apart = before[0] in "ES" or tag[0] in "BSO" or before[0] == "O" or tag[2:] != before[2:]
        if apart and before != OUTSIDE:
            found.append((before[2:], begin, place - 1))
        if apart:
            begin = place
        before = tag
    return found


def entity_types(names: Iterable[str], alone: bool) -> list[str]:
    """The types that tags with these names have, sorted."""
    return sorted({name if alone else name[2:] for name in names if name != OUTSIDE})


def entity_sums(
    found: Sequence[str], wanted: Sequence[str], types: Sequence[str], alone: bool
) -> np.ndarray:
    """How many entities are right, found and wanted, by type: float64 (types, 3)."""
    ours, theirs = (set(entities(tags, alone)) for tags in (found, wanted))
    sums = np.zeros((len(types), 3))
    for column, some in enumerate((ours & theirs, ours, theirs)):
        for kind, _, _ in some:
            sums[types.index(kind), column] += 1
    return sums


def odd_names(names: Sequence[str], scheme: str | None) -> str:
    """What is wrong with the names of tags, of a scheme or of any; nothing if they are fit."""
    tags = [name for name in names if name != OUTSIDE]
    marked = [name for name in tags if _MARKED.fullmatch(name)]
    if scheme == "words":
        return ""
    if scheme:
        strange = [name for name in tags if not (name in marked and name[0] in _MARKS[scheme])]
        return f"{', '.join(strange[:5])} in {scheme}" if strange else ""
    if any(_OTHER.fullmatch(name) for name in tags) and marked:
        return "L- and U- beside B- and I- (IOBES calls them E- and S-)"
    if marked and len(marked) < len(tags):
        rest = [name for name in tags if name not in marked]
        return f"{marked[0]} beside {rest[0]}"
    if tags and all(name.isdecimal() for name in tags):
        return f"numbers, {tags[0]} to {tags[-1]}, that nobody names"
    return ""


def scheme_of(names: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """The scheme of rows of tags with fit names: the first that none of the rows breaks; nothing
    where each of them is broken.
    """
    marks = {name[0] for name in names if _MARKED.fullmatch(name)}
    if not marks:
        return "words"
    left = ["iobes"] if marks & set("ES") else ["iob2", "iob1"]
    for tags in rows:
        left = [scheme for scheme in left if not breaks(tags, scheme)]
    return next(iter(left), "")


def breaks(tags: Sequence[str], scheme: str) -> bool:
    """Whether a row of tags is none of a scheme (which names allow)."""
    for _, first, last in entities(tags):
        if scheme == "iob2" and tags[first][0] != "B":
            return True
        single = first == last
        if scheme == "iobes" and tags[first][0] + tags[last][0] != ("SS" if single else "BE"):
            return True
    free = (tag[0] == "B" and tag[2:] != before[2:] for before, tag in pairwise((OUTSIDE, *tags)))
    return scheme == "iob1" and any(free)
