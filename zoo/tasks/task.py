"""What every task answers: what is an example and a batch, how wrong, how good.

What can be said of a kind without opening anything stands in its entry (recipe/vocabulary/kinds).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from transformers import PreTrainedConfig

from zoo.data.rows import Batch, Example, Row, Rows

Outputs = Mapping[str, Any]
"""What a model gives, by name: transformers' ModelOutput, or what a pipeline's head returns."""
Records = Mapping[str, list[Any]]
NO_RECORDS: Records = MappingProxyType({})


class Lost(NamedTuple):
    """Why an example may lose its targets, all or some: the recipe key that mends it, and how."""

    key: str
    allowed: str


IGNORE = -100  # a label that is no target, as torch's cross entropy names it by default


def lost_in(examples: list[Example], counters: Iterable[str]) -> dict[str, float]:
    """A batch's "lost" from its examples' own, which say by counter whether it happened to them;
    examples of weight 0 do not count.
    """
    return {
        name: float(sum(one["weight"] * one["lost"][name] for one in examples)) for name in counters
    }


class Task(ABC):
    """How a model learns from rows and is scored.

    The model is called as `model(**batch["inputs"])` and gives its whole output. Labels stay out of
    it, so that a pipeline may send inputs to its first stage and labels to its last; a kind whose
    model takes them puts them among "inputs" itself and knows no pipelines.
    """

    config: PreTrainedConfig
    """The finished configuration."""
    tokenizer: Any = None
    """The tokenizer of transformers, where the kind has one."""
    lost: Mapping[str, Lost] = MappingProxyType({})
    """The counters of examples that lose targets: every batch of the task holds "lost", the number
    of its examples by each of these names. They stand in the rows of metrics, added up."""

    sends_positions: bool = False
    """Whether "inputs" hold `position_ids`, which tell documents of a row apart, and no mask."""
    reference: str = ""
    """Not empty: `example` needs what the model tells that the run starts from. What `records` give
    under this name then stands under it in the row; the words say what of the recipe's task it
    hangs on."""
    repeats: int = 1
    """How often each row stands in training before the next one does, changed anew each time."""
    makes_rows: bool = False
    """Whether `rows` makes others of them (blocks, windows), whose number is known once made."""
    notes: Sequence[str] = ()
    """What is to be said at the start."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many train rows `rows` left out, by the name of a counter."""
        return {}

    def digests(self) -> dict[str, str]:
        """What must be the same when a run goes on, beside its rows: a digest each of "labels" and
        of "tokenizer", where the kind has them.
        """
        return {}

    @abstractmethod
    def rows(self, rows: Rows) -> Rows:
        """What of `rows` is trained or evaluated on; once a set, before any process group."""

    def amounts(self, rows: Rows) -> np.ndarray | None:
        """How much of `run.batch_unit` the model gets of each of what `rows` gave, at most, float
        (rows,), NaN of a row that cannot be read; None where that is known of no row. Called before
        any process group; a kind whose entry has `amounts` says it.
        """
        return None

    @abstractmethod
    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """One row as arrays; in training augmented with draws from `rng`."""

    @abstractmethod
    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """A micro-batch: "inputs", "labels" (dictionaries of tensors) and "count" of targets.

        "inputs" are as few bytes as say them; what the model reads is made of them by `on_device`.
        Where examples are padded, "places" (see zoo.tasks.padding) says how much of the inputs is.

        An example whose "weight" is 0 has no targets and is left out of all counts. Inputs may hold
        lists and mappings of tensors where the model takes them. The loader adds "ids" (the rows'
        indices), "counted" (whether each is neither padding nor a stand-in) and "corrupt".
        """

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the model reads of the "inputs" that `collate` gave, now where the model is: all
        that is done to a micro-batch at once there, in fp32, before it is rounded to the run's
        precision.

        Training, evaluation and planning call it alike, each tensor rank for itself, of a pipeline
        the first stage alone. It draws nothing: what is random stands as numbers in the inputs, so
        that every layout and device finds the same.
        """
        return inputs

    @abstractmethod
    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The 0-d float32 sum of the loss over the micro-batch's targets, never a mean.

        Without any target it is 0 and still connected to the outputs.
        """

    def predict(self, model: Any, batch: Batch) -> Outputs:
        """What evaluation scores, without gradients: one forward, unless a kind generates here.

        `model` is the module in evaluation mode, or DeepSpeed's engine around it, which hands on
        the module's methods. Pipelines run their own forward instead.
        """
        found: Outputs = model(**batch["inputs"])
        return found

    @abstractmethod
    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Float64 sums of fixed size, which may be added up and all-reduced.

        Always "loss" (plain negative log likelihood: no smoothing, no mixing) and "count".
        """

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        """What of each example `score` needs beside the sums, or its own row (`reference`): lists,
        tensors or arrays, by name, with one entry an example of the micro-batch (padding too: it is
        left out later).

        A kind that has none leaves this as it is: then nothing is gathered.
        """
        return {}

    @property
    def has_records(self) -> bool:
        """Whether `score` needs them; a kind of which some tasks do not says so."""
        return type(self).records is not Task.records

    @abstractmethod
    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """The scores of added-up tallies; always "loss", the mean over targets.

        `records` has every example of the set once, in the order of its rows (tensors as numpy
        arrays); with records rank 0 alone scores, and the others hear of it.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes the tokenizer, image processor or feature extractor into an exported folder."""
