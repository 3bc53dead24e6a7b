"""A step whose global batch has no target is taken by nobody, on any layout."""

import math
from typing import Any

import pytest
import torch

from tests.engines.test_skipping import built, different, state
from tests.ranks import run_ranks
from zoo.data.rows import Batch
from zoo.layout import Place
from zoo.tasks.task import IGNORE
from zoo.training.world import world

FEW, MORE = ("ZeRO 0", "2 stages"), ("ZeRO 3", "local-sgd", "OneBitAdam")
TENSOR = ("2 tensor ranks",)  # DeepSpeed keeps what it was told of tensor ranks: their own world


def emptied(batch: Batch) -> Batch:
    """The same micro-batch without a target."""
    labels = batch["labels"] | {"labels": torch.full_like(batch["labels"]["labels"], IGNORE)}
    return batch | {"labels": labels, "count": torch.zeros_like(batch["count"])}


def empty_one(names: tuple[str, ...]) -> dict[str, Any]:
    """For each way: what a step without targets changed and told, and the losses around it."""
    found = {}
    with world(Place.from_environment()) as here:
        for how in names:
            engine, batches = built(how, here)
            shares = [next(batches) for _ in range(4)]
            losses = [engine.train_batch(share).loss for share in shares[:2]]
            before = state(engine)
            step = engine.train_batch([emptied(batch) for batch in shares[2]])
            changed = different(before, state(engine))
            losses.append(engine.train_batch(shares[3]).loss)
            found[how] = (changed, step, losses, engine.step)
            engine.close()
    return found


def check(names: tuple[str, ...]) -> None:
    """Nothing changed but the count of steps, and the run goes on."""
    for found in run_ranks(2, empty_one, names):
        for how in names:
            changed, step, losses, steps = found[how]
            assert changed == [], how
            assert (step.skipped, step.targets, steps) == (True, 0, 4), how
            assert math.isnan(step.loss) and step.lr > 0, how
            assert all(map(math.isfinite, losses)), how


@pytest.mark.ranks(2)
def test_a_step_without_a_target_changes_nothing() -> None:
    check(FEW)


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_so_it_is_on_every_layout() -> None:
    for names in (MORE, TENSOR):
        check(names)
