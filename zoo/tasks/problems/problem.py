"""What every problem of classification answers: what a label is, how wrong logits are, how good."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from zoo.data.source import Source
from zoo.errors import Fault
from zoo.models.config import Written
from zoo.recipe import Recipe
from zoo.recipe.spec.task import ClassificationSpec
from zoo.tasks.task import NO_RECORDS, Records


class Problem(ABC):
    """What logits (batch, outputs) are compared with; labels are what `labels` makes of rows'."""

    has_records = False
    """Whether `score` needs records."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        assert isinstance(recipe.task, ClassificationSpec)
        self.recipe, self.source, self.spec = recipe, source, recipe.task

    @abstractmethod
    def faults(self) -> list[Fault]:
        """What the source lacks for it."""

    @abstractmethod
    def written(self) -> Written:
        """What it writes into the model's configuration; see model_config."""

    @abstractmethod
    def label(self, value: Any) -> Any:
        """A row's label as an example holds it; raises CorruptExample."""

    @abstractmethod
    def labels(self, labels: list[Any]) -> Tensor:
        """Those of a micro-batch, (batch,) or (batch, outputs)."""

    @abstractmethod
    def sizes(self, labels: Tensor) -> Tensor:
        """What each example counts among the targets, float32 (batch,)."""

    @abstractmethod
    def each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of each example, summed over its targets, float32 (batch,); logits float32."""

    @abstractmethod
    def tally(self, logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """See Task.tally; logits float32, weight float64 (batch,)."""

    def records(self, logits: Tensor, labels: Tensor) -> dict[str, Any]:
        """See Task.records."""
        return {}

    @abstractmethod
    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """See Task.score."""
