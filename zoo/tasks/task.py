"""What every task answers: which model, what is an example and a batch, how wrong, how good."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from transformers import PreTrainedConfig

from zoo.data.rows import Row, Rows

Example = dict[str, Any]
Batch = dict[str, Any]
Totals = dict[str, float]

IGNORE = -100  # a label that is no target, as torch's cross entropy names it by default


class Task(ABC):
    """How a model learns from rows and is scored.

    The model is called as `model(**batch["inputs"]).logits`; labels never enter it, so that a
    pipeline may send inputs to its first stage and labels to its last.
    """

    headline: ClassVar[str]
    """The score that tells the best checkpoint."""
    maximize: ClassVar[bool]
    """Whether a larger headline is better."""
    model_class: ClassVar[Any]
    """The AutoModelForX class whose `from_config(config)` builds the model."""
    config: PreTrainedConfig
    """The finished configuration."""

    @abstractmethod
    def rows(self, rows: Rows) -> Rows:
        """What of `rows` is trained or evaluated on; once a set, before any process group."""

    @abstractmethod
    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """One row as arrays; in training augmented with draws from `rng`."""

    @abstractmethod
    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """A micro-batch: "inputs", "labels" (dictionaries of tensors) and "count" of targets.

        An example whose "weight" is 0 has no targets and is left out of the count.
        """

    @abstractmethod
    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The 0-d float32 sum of the loss over the micro-batch's targets, never a mean.

        Without any target it is 0 and still connected to the logits.
        """

    @abstractmethod
    def tally(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Float64 sums of fixed size, which may be added up and all-reduced.

        Always "loss" (plain negative log likelihood: no smoothing, no mixing) and "count".
        """

    @abstractmethod
    def score(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The scores of added-up tallies; always "loss", the mean over targets."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes the tokenizer, image processor or feature extractor into an exported folder."""
