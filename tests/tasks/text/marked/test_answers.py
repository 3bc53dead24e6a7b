"""Answers are SQuAD's: how they are chosen over windows, and how good they are."""

import random

import numpy as np
import pytest
from torchmetrics.functional.text import squad

from zoo.tasks.text.marked.answers import Candidates, candidates, chosen, judged, normal

WORDS = ["the", "a", "An", "cat", "Cat!", "sat", "on", "mat.", "42", "u.s.", "--", "theatre"]


def test_exact_and_f1_are_those_of_torchmetrics() -> None:
    rng = random.Random(0)
    sums, given, right = np.zeros(2), [], []
    for number in range(400):
        wanted = [" ".join(rng.choices(WORDS, k=rng.randint(1, 5))) for _ in range(3)]
        found = rng.choice([rng.choice(wanted), " ".join(rng.choices(WORDS, k=3)), ""])
        given.append({"prediction_text": found, "id": str(number)})
        answers = {"answer_start": [0] * 3, "text": wanted}
        right.append({"answers": answers, "id": str(number)})
        sums += judged(found, wanted, may_be_none=False)
    scores = squad(given, right)
    assert sums[0] / 4 == pytest.approx(float(scores["exact_match"]), abs=1e-3)
    assert sums[1] / 4 == pytest.approx(float(scores["f1"]), abs=1e-3)
    assert 0 < sums[0] < sums[1] < 400


@pytest.mark.parametrize(
    ("found", "wanted", "exact", "f1"),
    [
        ("", [], 1, 1),
        ("cat", [], 0, 0),
        ("", ["cat"], 0, 0),
        ("the", ["the"], 1, 1),
        ("a cat", ["the cat", "dog"], 1, 1),
        ("cat sat", ["cat"], 0, 2 / 3),
    ],
)
def test_version_2_judges_no_answer(found: str, wanted: list[str], exact: int, f1: float) -> None:
    assert judged(found, wanted, may_be_none=True) == (exact, pytest.approx(f1))


def test_answers_lose_what_does_not_matter() -> None:
    assert normal("The U.S.  theatre, a\tCat!") == "us theatre cat"


SPANS = np.array([[-1, -1], [-1, -1], [0, 3], [4, 7], [8, 11], [-1, -1]])


def test_an_answer_is_of_the_context_and_no_longer_than_may_be() -> None:
    start, end = np.array([5.0, 9, 1, 3, 0, 9]), np.array([2.0, 9, 0, 2, 4, 9])
    found = candidates(start, end, SPANS, longest=2, most=6)
    assert found.nothing == 7
    assert found.answers[0] == (7.0, 4, 11)
    assert {(a, b) for _, a, b in found.answers} == {(4, 11), (4, 7), (8, 11), (0, 7), (0, 3)}
    assert [score for score, _, _ in found.answers] == sorted(
        (score for score, _, _ in found.answers), reverse=True
    )
    assert candidates(start, end, SPANS, longest=9, most=2).answers == []


def test_the_best_answer_is_looked_for_in_all_windows() -> None:
    windows = [Candidates([(3.0, 0, 4)], 1.0), Candidates([(5.0, 9, 12), (4.0, 1, 2)], 6.0)]
    assert chosen(windows, may_be_none=False, threshold=0.0) == (9, 12)
    assert chosen(windows, may_be_none=True, threshold=0.0) == (9, 12)  # no answer: at least 1.0
    surer = [Candidates([(3.0, 0, 4)], 5.5), windows[1]]
    assert chosen(surer, may_be_none=True, threshold=0.0) == (0, 0)
    assert chosen(surer, may_be_none=True, threshold=1.0) == (9, 12)
    assert chosen([Candidates([], 0.0)], may_be_none=False, threshold=0.0) == (0, 0)
