"""BLEU and ROUGE of written texts are the reference libraries', however the set was shared out."""

import random

import pytest
import sacrebleu
import torch
from rouge_score.rouge_scorer import RougeScorer

from zoo.tasks.text.overlap import overlap_scores, overlap_sums

UNITS = ["the", "cat", "sat", "on", "a", "mat", ",", ".", "don't", "U.S.", "3.5", "été", "Dog", ""]


def drawn(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Random texts, every second one close to what is wanted, some of them empty."""
    rng = random.Random(seed)

    def text() -> str:
        return " ".join(rng.choice(UNITS) for _ in range(rng.randrange(12)))

    wanted = [f"a {text()}" for _ in range(count)]
    found = [w if rng.random() < 0.2 else f"{w} {text()}" if i % 2 else text()
             for i, w in enumerate(wanted)]  # fmt: skip
    return found, wanted


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_sacrebleu_and_rouge_score(seed: int) -> None:
    found, wanted = drawn(seed, 40)
    scores = overlap_scores(overlap_sums(found, wanted, torch.ones(40)))
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(found, [wanted]).score / 100)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    theirs = [scorer.score(right, text) for text, right in zip(found, wanted, strict=True)]
    for ours, name in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        assert scores[ours] == pytest.approx(sum(one[name].fmeasure for one in theirs) / 40)
    assert scores["exact"] == sum(a == b for a, b in zip(found, wanted, strict=True)) / 40


def test_ranks_with_padding_add_up_to_the_whole_set() -> None:
    found, wanted = drawn(9, 7)
    whole = overlap_sums(found, wanted, torch.ones(7))
    first = overlap_sums(found[:4], wanted[:4], torch.ones(4))
    padded = ([*found[4:], "noise"], [*wanted[4:], wanted[-1]])
    second = overlap_sums(*padded, torch.tensor([1.0, 1.0, 1.0, 0.0]))
    assert overlap_scores({n: first[n] + second[n] for n in whole}) == overlap_scores(whole)


def test_nothing_written_scores_nothing() -> None:
    scores = overlap_scores(overlap_sums([""], ["a cat"], torch.ones(1)))
    assert set(scores.values()) == {0.0}
