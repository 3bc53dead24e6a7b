"""Entities are seqeval's, whatever the scheme; a scheme is told from names and rows."""

import random

import numpy as np
import pytest
from seqeval import metrics
from seqeval.metrics.sequence_labeling import get_entities

from zoo.tasks.text.marked.entities import (
    breaks,
    entities,
    entity_sums,
    entity_types,
    odd_names,
    scheme_of,
)

NAMES = ["O"] + [f"{mark}-{kind}" for mark in "BIES" for kind in ("PER", "LOC", "MISC-X")]


def random_tags(rng: random.Random, names: list[str]) -> list[list[str]]:
    return [rng.choices(names, k=rng.randint(1, 9)) for _ in range(rng.randint(1, 6))]


@pytest.mark.parametrize("marks", ["BI", "BIES"])
def test_entities_and_their_sums_are_seqevals(marks: str) -> None:
    rng, names = random.Random(marks), [name for name in NAMES if name[0] in "O" + marks]
    types = entity_types(names, alone=False)
    for _ in range(150):
        wanted = random_tags(rng, names)
        found = [[rng.choice([tag, rng.choice(names)]) for tag in tags] for tags in wanted]
        sums = np.zeros((len(types), 3))
        for ours, theirs in zip(found, wanted, strict=True):
            assert entities(ours) == get_entities(ours)
            sums += entity_sums(ours, theirs, types, alone=False)
        right, predicted, gold = sums.sum(0)
        f1 = 2 * right / (predicted + gold) if predicted + gold else 0.0
        assert f1 == pytest.approx(metrics.f1_score(wanted, found, zero_division=0), abs=1e-12)


def test_words_of_no_scheme_are_each_an_entity() -> None:
    assert entities(["DT", "NN", "O", "NN"], alone=True) == [
        ("DT", 0, 0),
        ("NN", 1, 1),
        ("NN", 3, 3),
    ]
    assert entity_types(["NN", "DT", "O"], alone=True) == ["DT", "NN"]


IOB2 = ["O", "B-A", "I-A", "B-A", "O"]
IOB1 = ["I-A", "I-A", "B-A", "O", "I-B"]
IOBES = ["B-A", "I-A", "E-A", "S-A", "O"]


@pytest.mark.parametrize(
    ("rows", "scheme"),
    [
        ([IOB2, ["O"]], "iob2"),
        ([IOB1], "iob1"),
        ([IOBES], "iobes"),
        ([["NN", "DT"]], "words"),
        ([IOB2, IOB1], ""),
        ([IOBES, ["B-A", "I-A", "O"]], ""),
        ([IOBES, ["I-A"]], ""),
        ([["I-A", "O"], ["I-A", "B-A"]], "iob1"),
    ],
)
def test_a_scheme_is_what_no_row_breaks(rows: list[list[str]], scheme: str) -> None:
    names = {tag for tags in rows for tag in tags}
    assert not odd_names(sorted(names), None)
    assert scheme_of(names, rows) == scheme


def test_a_row_breaks_the_schemes_that_it_is_not_of() -> None:
    assert [breaks(IOB1, one) for one in ("iob1", "iob2", "iobes")] == [False, True, True]
    assert [breaks(IOB2, one) for one in ("iob1", "iob2", "iobes")] == [True, False, True]
    assert [breaks(IOBES, one) for one in ("iob1", "iob2", "iobes")] == [True, True, False]


@pytest.mark.parametrize(
    ("names", "scheme", "said"),
    [
        (["O", "B-A", "NN"], None, "B-A beside NN"),
        (["O", "B-A", "L-A", "U-A"], None, "IOBES calls them E- and S-"),
        (["0", "1", "2"], None, "numbers, 0 to 2"),
        (["O", "B-A", "S-A"], "iob2", "S-A in iob2"),
        (["O", "B-A", "S-A"], "iobes", ""),
        (["0", "1"], "words", ""),
    ],
)
def test_names_of_two_schemes_are_odd(names: list[str], scheme: str | None, said: str) -> None:
    found = odd_names(names, scheme)
    assert said in found if said else not found
