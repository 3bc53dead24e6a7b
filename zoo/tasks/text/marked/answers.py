"""Answers in a text: those that a model's scores point to, and how good they are (SQuAD's script,
evaluate-v1.1.py and evaluate-v2.0.py of Rajpurkar et al. 2016, 2018).
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


class Candidates(NamedTuple):
    """What one window says: its likeliest answers, best first, and how likely there is none."""

    answers: list[tuple[float, int, int]]
    """(score, first character, the first behind the last) in the context."""
    nothing: float


def candidates(
    start: np.ndarray, end: np.ndarray, spans: np.ndarray, longest: int, most: int
) -> Candidates:
    """The answers of a window from the scores of its tokens, float (tokens,); `spans` as Window has
    them, the first token stands for no answer. At most `most` starts and ends are looked at, and
    answers of `longest` tokens (transformers' examples/pytorch/question-answering/utils_qa.py).
    """
    first, last = np.meshgrid(_best(start, most), _best(end, most), indexing="ij")
    first, last = first.ravel(), last.ravel()
    good = (spans[first, 0] >= 0) & (spans[last, 0] >= 0)
    good &= (last >= first) & (last - first < longest)
    first, last = first[good], last[good]
    scores = start[first] + end[last]
    order = np.argsort(-scores, kind="stable")[:most]
    found = [(float(scores[n]), int(spans[first[n], 0]), int(spans[last[n], 1])) for n in order]
    return Candidates(found, float(start[0] + end[0]))


def chosen(windows: Sequence[Candidates], may_be_none: bool, threshold: float) -> tuple[int, int]:
    """The characters of the best answer over the windows of a question; (0, 0) for no answer."""
    score, start, end = max((one for w in windows for one in w.answers), default=(-np.inf, 0, 0))
    nothing = min(window.nothing for window in windows)
    return (0, 0) if may_be_none and nothing - score > threshold else (start, end)


def normal(answer: str) -> str:
    """An answer without case, punctuation, articles and more than one blank."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def judged(found: str, wanted: Sequence[str], may_be_none: bool) -> tuple[float, float]:
    """(exact, F1) of an answer: the best over those that are right.

    With `may_be_none` none of them means that no answer is right, as in version 2.
    """
    if may_be_none:
        wanted = [one for one in wanted if normal(one)] or [""]
    exact = max(float(normal(found) == normal(one)) for one in wanted)
    return exact, max(_f1(normal(found).split(), normal(one).split()) for one in wanted)


def _f1(found: list[str], wanted: list[str]) -> float:
    if not (found and wanted):  # evaluate-v2.0.py, and torchmetrics; 1.1 has 0 for two of no word
        return float(found == wanted)
    same = sum((Counter(found) & Counter(wanted)).values())
    return 2 * same / (len(found) + len(wanted)) if same else 0.0


def _best(scores: np.ndarray, most: int) -> np.ndarray:
    return np.argsort(-scores, kind="stable")[:most]
