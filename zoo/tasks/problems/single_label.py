"""One class a row: cross entropy, of which classes may weigh more than others."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.source import Source
from zoo.errors import Fault
from zoo.models.config import Written
from zoo.recipe import Recipe
from zoo.tasks.problems.problem import Problem
from zoo.tasks.problems.weights import class_weights, weight_faults
from zoo.tasks.roles import label_faults, label_names


class SingleLabel(Problem):
    """Labels are class ids, int64 (batch,). A target is an example, or what its class weighs."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        super().__init__(recipe, source)
        self.weights: Tensor | None = None

    def faults(self) -> list[Fault]:
        """Missing class names, and weights of classes that there are not; weights are found."""
        found = label_faults(self.recipe, self.source)
        found = found or weight_faults(self.recipe, self.source.labels or ())
        if not found:
            self.weights = class_weights(self.recipe, self.source)
        return found

    def written(self) -> Written:
        """The class names, and what transformers calls the problem."""
        kind = ("single_label_classification", "task.problem")
        return {**label_names(self.source), "problem_type": kind}

    def label(self, value: Any) -> Any:
        """A class id."""
        return value

    def labels(self, labels: list[Any]) -> Tensor:
        """int64 (batch,)."""
        return torch.tensor(labels, dtype=torch.int64)

    def sizes(self, labels: Tensor) -> Tensor:
        """1, or the weight of the class: the loss is divided by their sum, as torch does."""
        if self.weights is None:
            return torch.ones(len(labels))
        return self.weights[labels]

    def each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Smoothed and weighted cross entropy in nats."""
        weights = None if self.weights is None else self.weights.to(logits.device)
        smoothing = self.spec.label_smoothing
        return F.cross_entropy(logits, labels, weights, reduction="none", label_smoothing=smoothing)

    def tally(self, logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Plain nats, of whatever class, and examples."""
        loss = F.cross_entropy(logits, labels, reduction="none").double()
        return {"loss": (loss * weight).sum(), "count": weight.sum()}
