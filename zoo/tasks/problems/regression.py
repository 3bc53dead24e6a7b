"""Numbers of a row: squared errors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import CorruptExample
from zoo.errors import Fault
from zoo.models.config import Written
from zoo.tasks.problems.problem import Problem
from zoo.tasks.roles import fault, sets
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Records

_LOOKED_AT = 32
"""Rows of a set that are tried for how many numbers they hold."""


class Regression(Problem):
    """Labels are numbers, float32 (batch, numbers), each a target: the mean loss is transformers'
    own (MSELoss). Scores of several numbers are the means of each one's.
    """

    has_records = True

    def faults(self) -> list[Fault]:
        """No row with a number."""
        self.numbers = self._numbers()
        if self.numbers or "label" not in self.source.train.roles:
            return []
        found = f"no number in the first {_LOOKED_AT} rows"
        return [fault(self.recipe, "data.columns.label", found, "a column of numbers")]

    def _numbers(self) -> int:
        """How many numbers a row holds: as many as the first that can be read."""
        for rows in sets(self.source).values():
            looked_at = _LOOKED_AT if "label" in rows.roles else 0
            for index in range(min(len(rows), looked_at)):
                try:
                    return len(_numbers(rows.value(index, "label")))
                except CorruptExample:
                    continue
        return 0

    def written(self) -> Written:
        """How many numbers, by their columns' names where there are several; and what transformers
        calls the problem.
        """
        column = self.recipe.data.columns.get("label", "label")
        names = [f"LABEL_{number}" for number in range(max(self.numbers, 1))]
        names = names if isinstance(column, str) else list(column)
        values = {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
            "problem_type": "regression",
        }
        return {key: (value, "task.problem") for key, value in values.items()}

    def label(self, value: Any) -> list[float]:
        """The numbers; raises CorruptExample for others than the first row's number of them."""
        found = _numbers(value)
        if len(found) != self.numbers:
            raise CorruptExample(f"a label of {len(found)} numbers; others have {self.numbers}")
        return found

    def labels(self, labels: list[Any]) -> Tensor:
        """float32 (batch, numbers)."""
        return torch.tensor(labels, dtype=torch.float32)

    def sizes(self, labels: Tensor) -> Tensor:
        """As many as there are numbers."""
        return torch.full((len(labels),), float(labels.shape[1]))

    def each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Squared errors, summed over the numbers."""
        return (logits - labels).square().sum(-1)

    def tally(self, logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Squared and absolute errors, and numbers."""
        wrong = (logits - labels).double()
        return {
            "loss": (wrong.square().sum(-1) * weight).sum(),
            "count": weight.sum() * labels.shape[1],
            "absolute": (wrong.abs().sum(-1) * weight).sum(),
        }

    def records(self, logits: Tensor, labels: Tensor) -> dict[str, Any]:
        """Guesses and labels, which correlations are of."""
        return {"guesses": logits, "labels": labels}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean squared and absolute errors, and correlations."""
        error = ratio(totals["loss"], totals["count"])
        ways = {"pearson": pearson, "spearman": spearman}
        found = dict.fromkeys(ways, float("nan"))
        if records:
            pairs = [np.stack(records[name]).astype(np.float64).T for name in ("guesses", "labels")]
            columns = list(zip(*pairs, strict=True))
            found = {name: float(np.mean([way(*c) for c in columns])) for name, way in ways.items()}
        absolute = ratio(totals["absolute"], totals["count"])
        return {"loss": error, "mse": error, "mae": absolute, **found}


def _numbers(value: Any) -> list[float]:
    """A row's label as numbers; raises CorruptExample where it is none."""
    several = value if isinstance(value, tuple | list) else [value]
    try:
        found = [float(one) for one in several]
    except (TypeError, ValueError):
        raise CorruptExample(f"a label {value!r}, which is no number") from None
    if not found or not np.isfinite(found).all():
        raise CorruptExample(f"a label {value!r}, which is no number")
    return found


def pearson(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two samples, float64 (n,); not a number where one of them is constant."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread > 0 else float("nan")


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of their ranks, equal values sharing the mean of theirs."""
    return pearson(_ranks(one), _ranks(other))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
