"""The smallest task that learns and is scored, and an engine for it without DeepSpeed."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zoo.data.rows import Batch, CorruptExample, Example, ListRows, Row, Rows
from zoo.engines.contract import Contract
from zoo.engines.engine import Evaluated
from zoo.engines.exchange.kept import Exchange
from zoo.engines.groups import Groups
from zoo.engines.sums import QUIET, Notice
from zoo.layout import Layout
from zoo.models.draws import Draws
from zoo.tasks.task import NO_RECORDS, Outputs, Records, Task

COUNT, BROKEN = 21, 4
CPU = torch.device("cpu")


class Numbers(ListRows):
    """Rows 0 to COUNT - 1, of which one cannot be read."""

    def __init__(self) -> None:
        super().__init__([{"text": str(number)} for number in range(COUNT)], "numbers")

    def __getitem__(self, index: int) -> Row:
        if index == BROKEN:
            raise CorruptExample(f"row {index}")
        return super().__getitem__(index)


class Doubling(Task):
    """The model is to double a number; tallies only."""

    def rows(self, rows: Rows) -> Rows:
        return rows

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        return {"number": float(row["text"])}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        numbers = torch.tensor([example["number"] for example in examples])
        weight = torch.tensor([example["weight"] for example in examples])
        return {
            "inputs": {"numbers": numbers},
            "labels": {"doubles": 2 * numbers, "weight": weight},
            "count": weight.double().sum(),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        wrong = (outputs["doubles"] - batch["labels"]["doubles"]).abs()
        return (wrong * batch["labels"]["weight"]).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        count = batch["labels"]["weight"].double().sum()
        return {"loss": self.loss(outputs, batch).double(), "count": count}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        return {"loss": float(totals["loss"] / totals["count"]), "count": float(totals["count"])}

    def save(self, folder: Path) -> None:
        pass


class Told(Doubling):
    """Tells every example too, as a tensor, an array and a list, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[Records] = []

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        numbers = batch["inputs"]["numbers"]
        return {
            "guess": outputs["doubles"],
            "pair": torch.stack([numbers, numbers + 1], 1).numpy(),
            "name": [f"row {int(number)}" for number in numbers],
        }

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        self.given.append(records)
        weighted = sum((place + 1) * float(one) for place, one in enumerate(records["guess"]))
        return {**super().score(totals), "weighted": weighted}  # another order, another score


class Doubler(nn.Module):
    """Doubles, and counts how often it ran and in which mode."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def _take_model_step(self, lr_kwargs: Any = None) -> None:
        """What DeepSpeed's engine does at the end of a step."""

    def forward(self, numbers: Tensor) -> dict[str, Tensor]:
        self.modes.append(self.training)
        return {"doubles": 2 * numbers}


def contract(
    task: Task, layout: Layout, rank: int = 0, dtype: torch.dtype = torch.float32
) -> Contract:
    """What is ours in a step of one rank; the groups are those of the world alone."""
    return Contract(task, Groups(layout, rank), Draws(7, CPU), Exchange(), Doubler(), CPU, dtype)


class Evaluating:
    """As much of an engine as evaluation asks for."""

    def __init__(self, ours: Contract) -> None:
        self.contract = ours

    def eval_batch(self, batch: Batch, told: Notice = QUIET) -> Evaluated:
        """See Engine."""
        there = self.contract.moved(batch)
        outputs = self.contract.task.predict(self.contract.module.eval(), there)
        totals = self.contract.task.tally(outputs, there)
        records = self.contract.records(outputs, there)
        return Evaluated(*self.contract.joined(totals, told), records)
