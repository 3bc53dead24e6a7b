"""The ordinary engine evaluates by what the task predicts."""

from types import SimpleNamespace
from typing import Any

import torch

from tests.engines.doubles import Doubling, Told, contract
from zoo.data.rows import Batch
from zoo.engines.sums import Notice
from zoo.engines.zero import ZeroEngine
from zoo.layout import Layout
from zoo.tasks.task import Outputs

BATCH: dict[str, Any] = {
    "inputs": {"numbers": torch.tensor([1.0, 2.0])},
    "labels": {"doubles": torch.tensor([2.0, 4.0]), "weight": torch.ones(2)},
    "count": torch.tensor(2.0).double(),
    "ids": [3, 9],
    "counted": [True, False],
}


class Generating(Told):
    """Runs the model twice over, as decoding would."""

    def predict(self, model: Any, batch: Batch) -> Outputs:
        once = model(**batch["inputs"])
        return model(numbers=once["doubles"])


def engine(task: Doubling) -> ZeroEngine:
    """An ordinary engine whose DeepSpeed is the bare module."""
    ours = contract(task, Layout.of())
    return ZeroEngine(ours, SimpleNamespace(name="ZeRO 0", inner=ours.module))  # type: ignore[arg-type]


def test_a_kind_may_generate_in_evaluation() -> None:
    plain, generating = engine(Told()), engine(Generating())
    found, more = plain.eval_batch(BATCH, Notice(2)), generating.eval_batch(BATCH, Notice(2))
    assert (plain.contract.module.modes, generating.contract.module.modes) == ([False], [False] * 2)
    assert (found.totals["loss"], more.totals["loss"]) == (0.0, 2.0 + 4.0)
    assert [(row, float(one["guess"])) for row, one in more.records] == [(3, 4.0)]
    assert found.told == more.told == Notice(2)


def test_a_kind_without_records_gives_none() -> None:
    assert engine(Doubling()).eval_batch(BATCH).records == []
