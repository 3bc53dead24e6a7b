"""What classifications of texts and of images share: the problem decides about labels and loss."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.data.rows import Batch, Example, Rows
from zoo.data.source import Source
from zoo.recipe import Recipe
from zoo.recipe.spec.task import ClassificationSpec
from zoo.tasks.problems.multi_label import MultiLabel
from zoo.tasks.problems.problem import Problem
from zoo.tasks.problems.regression import Regression
from zoo.tasks.problems.single_label import SingleLabel
from zoo.tasks.roles import label_digest
from zoo.tasks.task import NO_RECORDS, Outputs, Records, Task

_OTHERS: dict[str, type[Problem]] = {"multi-label": MultiLabel, "regression": Regression}
"""By `task.problem`; how one class a row is scored is the kind's own."""


def build_problem(recipe: Recipe, source: Source, single: type[SingleLabel]) -> Problem:
    """The problem of `task.problem`, where one class a row is `single`."""
    assert isinstance(recipe.task, ClassificationSpec)
    return _OTHERS.get(recipe.task.problem, single)(recipe, source)


class Classification(Task):
    """logits (batch, outputs) against the labels of `problem`."""

    problem: Problem

    @property
    def has_records(self) -> bool:
        """See Task."""
        return self.problem.has_records

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def targets(self, examples: list[Example]) -> tuple[dict[str, Tensor], Tensor]:
        """The labels of examples with their "weight", and the count of their targets."""
        weight = torch.tensor([example["weight"] for example in examples], dtype=torch.float32)
        found = self.problem.labels([example["label"] for example in examples])
        labels = {"labels": found, "weight": weight}
        return labels, self.count(labels)

    def count(self, labels: Mapping[str, Tensor]) -> Tensor:
        """The targets of a micro-batch, 0-d float64; a mixed example has shares of two labels'."""
        sizes = self.problem.sizes(labels["labels"])
        if "partner" in labels:
            other = self.problem.sizes(labels["partner"])
            sizes = labels["share"] * sizes + (1 - labels["share"]) * other
        return (labels["weight"] * sizes).double().sum()

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The problem's, summed over the examples; mixed ones have two labels."""
        logits, labels = outputs["logits"].float(), batch["labels"]
        each = self.problem.each(logits, labels["labels"])
        if "partner" in labels:
            other = self.problem.each(logits, labels["partner"])
            each = labels["share"] * each + (1 - labels["share"]) * other
        return (each * labels["weight"]).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """See Problem."""
        labels, weight = batch["labels"]["labels"], batch["labels"]["weight"].double()
        return self.problem.tally(outputs["logits"].detach().float(), labels, weight)

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        """See Problem."""
        return self.problem.records(outputs["logits"].float(), batch["labels"]["labels"])

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """See Problem."""
        return self.problem.score(totals, records)

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"labels": label_digest(self.config)}
