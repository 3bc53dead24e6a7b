"""Scores from added-up sums: pure functions, equal to the reference libraries' values."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def ratio(part: float | Tensor, whole: float | Tensor) -> float:
    """part / whole; not a number when nothing was counted."""
    return float(part) / float(whole) if float(whole) else math.nan


def perplexity(loss: float) -> float:
    """exp of a mean loss in nats; infinity instead of an overflow, no number of none."""
    return math.inf if loss >= 700 else math.exp(loss)


def bits(nats: float | Tensor, units: float | Tensor) -> float:
    """Bits per unit (byte, token) of a summed loss in nats."""
    return ratio(float(nats) / math.log(2), units)


def confusion(predicted: Tensor, labels: Tensor, weight: Tensor, classes: int) -> Tensor:
    """Weighted counts, float64 (label, prediction); labels and predictions are (batch,) ids."""
    cells = labels * classes + predicted
    return torch.bincount(cells, weight.double(), minlength=classes**2).view(classes, classes)


def accuracy(matrix: Tensor) -> float:
    """The share of right predictions in a confusion matrix (label, prediction)."""
    return ratio(matrix.trace(), matrix.sum())


def ious(matrix: Tensor) -> Tensor:
    """Intersection over union of every class, (classes,); NaN where it occurs nowhere."""
    right = matrix.diagonal()
    return right / (matrix.sum(0) + matrix.sum(1) - right)


def mean_accuracy(matrix: Tensor) -> float:
    """The unweighted mean, over the classes that occur as label, of the share that was found."""
    return float((matrix.diagonal() / matrix.sum(1)).nanmean())


def macro_f1(matrix: Tensor) -> float:
    """The unweighted mean of F1 over the classes that occur as label or prediction.

    The same classes as sklearn.metrics.f1_score(average="macro").
    """
    right, both = matrix.diagonal(), matrix.sum(0) + matrix.sum(1)
    seen = both > 0
    return ratio((2 * right[seen] / both[seen]).sum(), seen.sum())


def f1(matrix: Tensor) -> float:
    """F1 of the second of two classes, as sklearn.metrics.f1_score; 0 where it never occurs."""
    right, both = matrix[1, 1], matrix[1].sum() + matrix[:, 1].sum()
    return float(2 * right / both) if float(both) else 0.0


def matthews(matrix: Tensor) -> float:
    """Matthews' correlation for any number of classes (Gorodkin 2004); 0 where it is undefined."""
    labels, predictions, total = matrix.sum(1), matrix.sum(0), matrix.sum()
    covariance = matrix.trace() * total - labels @ predictions
    spread = (total**2 - predictions @ predictions) * (total**2 - labels @ labels)
    return float(covariance / spread.sqrt()) if float(spread) > 0 else 0.0


def text_edits(found: str, wanted: str) -> dict[str, int]:
    """Edits from a transcript to the wanted one, and how many units that one has."""
    return {
        "word_edits": edits(found.split(), wanted.split()),
        "words": len(wanted.split()),
        "character_edits": edits(found, wanted),
        "characters": len(wanted),
    }


def edits(found: Sequence[str], wanted: Sequence[str]) -> int:
    """Levenshtein's distance: insertions, deletions and substitutions, one each."""
    names = {unit: number for number, unit in enumerate({*found, *wanted})}
    right = np.array([names[unit] for unit in wanted], dtype=np.int64)
    columns = np.arange(len(right) + 1)
    line = columns.copy()
    for row, unit in enumerate(found, 1):
        below = np.minimum(line[1:] + 1, line[:-1] + (right != names[unit]))
        line = np.concatenate([[row], below])
        line = np.minimum.accumulate(line - columns) + columns  # insertions run along the line
    return int(line[-1])
