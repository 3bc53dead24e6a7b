"""A toy kind of task, whole: one number from a text; its spec, its entry and its task."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, collected
from zoo.models.config import model_config
from zoo.recipe import Recipe
from zoo.recipe.checks.known import recipe_schema
from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.spec.words import TwoOrMore
from zoo.recipe.vocabulary.kinds import KINDS, Kind
from zoo.recipe.vocabulary.scores import LOSS, Score
from zoo.tasks.roles import role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Outputs, Records, Task
from zoo.tasks.text.tokenizer import build_tokenizer, framer
from zoo.tasks.text.tokens import attention_mask, padded, special_ids, texts
from zoo.tasks.text.vocabulary import ENCODER


class LengthRegressionSpec(TaskSpec):
    """Name a number that belongs to a text."""

    kind: Literal["length-regression"]
    """Which task: decides the other keys of this section."""
    sequence_length: TwoOrMore
    """Longer examples are truncated to this many tokens."""
    scale: float = 1.0
    """What labels are divided by."""


ENTRY = Kind(
    spec=LengthRegressionSpec,
    task="tests.tasks.length_regression:LengthRegression",
    head="AutoModelForSequenceClassification",
    roles=(("text", "label"),),
    built_in=("stdlib-keywords",),
    scores={"median_error": Score("Median of |guess - label|, which is no sum."), "loss": LOSS},
    unit="texts",
)


class LengthRegression(Task):
    """logits (batch, 1) against labels (batch,)."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        assert isinstance(recipe.task, LengthRegressionSpec)
        self.spec = recipe.task
        faults = role_faults(recipe, source, *ENTRY.roles)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe, lambda: texts(source.train, ["text"]), source.train.fingerprint, ENCODER
            )
            one = {"num_labels": (1, "task.kind")}
            self.config = model_config(recipe, {**special_ids(recipe, self.tokenizer), **one})
        if faults:
            raise ConfigError(faults)
        self.framed = framer(self.tokenizer, self.spec.sequence_length)

    def rows(self, rows: Rows) -> Rows:
        return rows

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        ids, _ = self.framed(row["text"], None)
        return {"ids": ids, "label": float(row["label"]) / self.spec.scale}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        ids = [example["ids"] for example in examples]
        weight = torch.tensor([example["weight"] for example in examples], dtype=torch.float32)
        labels = torch.tensor([example["label"] for example in examples], dtype=torch.float32)
        return {
            "inputs": {"input_ids": padded(ids, 0), "attention_mask": attention_mask(ids)},
            "labels": {"labels": labels, "weight": weight},
            "count": weight.double().sum(),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        wrong = outputs["logits"].float()[:, 0] - batch["labels"]["labels"]
        return (wrong.square() * batch["labels"]["weight"]).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        count = batch["labels"]["weight"].double().sum()
        return {"loss": self.loss(outputs, batch).double(), "count": count}

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        wrong = outputs["logits"].float()[:, 0] - batch["labels"]["labels"]
        return {"error": wrong.abs()}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        errors = [float(error) for error in records["error"]]
        return {
            "median_error": float(np.median(errors)),
            "loss": ratio(totals["loss"], totals["count"]),
            "examples": float(len(errors)),
        }

    def save(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(folder)


@contextmanager
def known(**changes: Any) -> Iterator[None]:
    """While it lasts the kind is one of the table, as if it had been written there."""
    KINDS["length-regression"] = Kind(**{**vars(ENTRY), **changes})
    renew()
    try:
        yield
    finally:
        del KINDS["length-regression"]
        renew()


def renew() -> None:
    """Makes the recipe's model of what the table holds now."""
    Recipe.model_rebuild(force=True)
    recipe_schema.cache_clear()
