"""How much written texts have in common with the wanted ones: sums that may be added up."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from zoo.tasks.scores import ratio

_ORDER = 4  # n-grams of BLEU


def overlap_sums(found: Sequence[str], wanted: Sequence[str], weight: Tensor) -> dict[str, Tensor]:
    """Float64 sums over the texts by `weight` (batch,): "texts" and "exact", scalars; "rouge",
    (3,); "bleu", (10,): matches and totals by order, both lengths in tokens.
    """
    sums = {"texts": torch.zeros(()), "exact": torch.zeros(())}
    sums |= {"rouge": torch.zeros(3), "bleu": torch.zeros(2 * _ORDER + 2)}
    sums = {name: one.double() for name, one in sums.items()}
    for text, right, share in zip(found, wanted, weight.tolist(), strict=True):
        if not share:
            continue
        sums["texts"] += share
        sums["exact"] += share * (text == right)
        sums["rouge"] += share * torch.tensor(rouge(text, right), dtype=torch.float64)
        sums["bleu"] += share * torch.tensor(bleu_statistics(text, right), dtype=torch.float64)
    return {name: one.to(weight.device) for name, one in sums.items()}


def overlap_scores(sums: dict[str, Tensor]) -> dict[str, float]:
    """Of added-up sums: exact, bleu, rouge_1, rouge_2 and rouge_l, each 0..1."""
    rouges = [ratio(one, sums["texts"]) for one in sums["rouge"]]
    return {
        "exact": ratio(sums["exact"], sums["texts"]),
        "bleu": bleu(sums["bleu"].tolist()),
        **dict(zip(("rouge_1", "rouge_2", "rouge_l"), rouges, strict=True)),
    }


@cache
def _counter() -> Any:
    from sacrebleu.metrics.bleu import BLEU  # a tenth of a second, only for those who generate

    return BLEU(effective_order=True)


def bleu_statistics(found: str, wanted: str) -> list[float]:
    """A text's part of corpus BLEU, with sacrebleu's tokens (13a)."""
    one = _counter().sentence_score(found, [wanted])
    return [*one.counts, *one.totals, one.sys_len, one.ref_len]


def bleu(statistics: Sequence[float]) -> float:
    """Corpus BLEU of added-up statistics, as `sacrebleu.corpus_bleu` but 0..1 (Papineni 2002)."""
    counts = [int(one) for one in statistics]
    matches, totals, lengths = counts[:_ORDER], counts[_ORDER:-2], counts[-2:]
    made = _counter().compute_bleu(matches, totals, *lengths, smooth_method="exp")
    return float(made.score) / 100


def rouge(found: str, wanted: str) -> list[float]:
    """ROUGE-1, -2 and -L of one text (Lin 2004): F1 of words, pairs, and the longest common
    subsequence; as rouge_score/rouge_scorer.py without stemmer.
    """
    ours, theirs = words(found), words(wanted)
    return [
        f1(shared(ours, theirs), len(ours), len(theirs)),
        f1(
            shared(list(pairwise(ours)), list(pairwise(theirs))),
            max(len(ours) - 1, 0),
            max(len(theirs) - 1, 0),
        ),
        f1(common(ours, theirs), len(ours), len(theirs)),
    ]


def words(text: str) -> list[str]:
    """Lower-case runs of a-z and 0-9."""
    return re.findall(r"[a-z0-9]+", text.lower())


def shared(ours: Sequence[Any], theirs: Sequence[Any]) -> int:
    """How many units two texts share, each as often as in both."""
    return (Counter(ours) & Counter(theirs)).total()


def common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    line = [0] * (len(theirs) + 1)
    for word in ours:
        before = 0
        for place, other in enumerate(theirs, 1):
            above = line[place]
            line[place] = before + 1 if word == other else max(above, line[place - 1])
            before = above
    return line[-1]


def f1(both: int, ours: int, theirs: int) -> float:
    """The harmonic mean of both / ours and both / theirs; 0 of nothing."""
    return 2 * both / (ours + theirs) if both else 0.0
