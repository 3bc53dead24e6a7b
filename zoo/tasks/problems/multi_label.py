"""Any number of classes a row: each is there or is not (binary cross entropy)."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import Tensor

from zoo.errors import Fault
from zoo.models.config import Written
from zoo.tasks.problems.problem import Problem
from zoo.tasks.roles import label_faults, label_names
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Records


class MultiLabel(Problem):
    """Labels are 0 or 1, float32 (batch, classes). A target is a pair of an example and a class, so
    that the mean loss is transformers' own (BCEWithLogitsLoss). A class is named from 0.5 on.
    """

    has_records = True

    def faults(self) -> list[Fault]:
        """Missing class names."""
        return label_faults(self.recipe, self.source)

    def written(self) -> Written:
        """The class names, and what transformers calls the problem."""
        kind = ("multi_label_classification", "task.problem")
        return {**label_names(self.source), "problem_type": kind}

    def label(self, value: Any) -> list[int]:
        """The ids of all classes of a row."""
        return list(value) if isinstance(value, tuple | list) else [value]

    def labels(self, labels: list[Any]) -> Tensor:
        """float32 (batch, classes)."""
        found = torch.zeros(len(labels), len(self.source.labels or ()))
        for row, ids in zip(found, labels, strict=True):
            row[ids] = 1.0
        return found

    def sizes(self, labels: Tensor) -> Tensor:
        """As many as there are classes."""
        return torch.full((len(labels),), float(labels.shape[1]))

    def each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary cross entropy in nats, summed over the classes."""
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(-1)

    def tally(self, logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Nats, pairs, examples with every class right, and of each class right ones, named ones
        and labels.
        """
        pairs = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").double()
        named, held = (logits >= 0).double(), labels.double()
        exact = (named == held).all(-1).double()
        return {
            "loss": (pairs.sum(-1) * weight).sum(),
            "count": weight.sum() * labels.shape[1],
            "examples": weight.sum(),
            "exact": (exact * weight).sum(),
            "right": weight @ (named * held),
            "named": weight @ named,
            "held": weight @ held,
        }

    def records(self, logits: Tensor, labels: Tensor) -> dict[str, Any]:
        """Logits and labels, by which average precision is ranked."""
        return {"logits": logits, "labels": labels}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a pair, F1, exact match, and mean average precision; as scikit-learn
        has them (a class that is neither held nor named has an F1 of 0).
        """
        right, both = totals["right"], totals["named"] + totals["held"]
        return {
            "loss": ratio(totals["loss"], totals["count"]),
            "micro_f1": ratio(2 * right.sum(), both.sum()),
            "macro_f1": float((2 * right / both.clamp(min=1e-9)).mean()),
            "exact": ratio(totals["exact"], totals["examples"]),
            "mean_ap": mean_precision(records),
        }


def mean_precision(records: Records) -> float:
    """The mean of average precision over the classes that some example holds."""
    if not records:
        return float("nan")
    logits, labels = (np.stack(records[name]) for name in ("logits", "labels"))
    held = labels.any(0)
    if not held.any():
        return float("nan")
    return float(average_precision_score(labels[:, held], logits[:, held], average="macro"))
