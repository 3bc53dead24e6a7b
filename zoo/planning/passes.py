"""Measures a model's forward and backward here, on real examples."""

import time
from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import train_batches
from zoo.data.ordering.order import First
from zoo.data.rows import Batch
from zoo.engines.engine import DTYPES, moved
from zoo.engines.transforms import in_training
from zoo.models.fill import fill
from zoo.planning.advice import Passes
from zoo.recipe import Recipe
from zoo.training.checks import Checked
from zoo.training.feeding.prepared import Prepared

BUDGET = 10.0  # seconds of one pass; a micro-batch that takes longer is cut and scaled
FIRST = 2  # examples of the first pass: BatchNorm takes no single one
LONG, REPEATS = 0.5, 20  # seconds and calls: short ones are repeated


def filled_model(recipe: Recipe, checked: Checked, device: torch.device) -> PreTrainedModel:
    """The recipe's model with values, its parameters in the run's precision."""
    model = in_training(checked.model, recipe)
    fill(model, recipe.run.seed, checked.weights, device)
    for parameter in model.parameters():
        parameter.data = parameter.data.to(DTYPES[recipe.run.precision])
    model.train()
    return model


def measured_passes(
    recipe: Recipe, checked: Checked, prepared: Prepared, model: PreTrainedModel
) -> Passes:
    """Forward and backward of one micro-batch; of a part of it where it would take too long."""
    size = prepared.order.micro_batches(0)[0].examples
    device, dtype = next(model.parameters()).device, DTYPES[recipe.run.precision]

    def seconds_of(examples: int) -> float:
        batch = moved(micro_batch(recipe, checked, prepared, examples), device, dtype, checked.task)

        def once() -> None:
            loss = checked.task.loss(model(**batch["inputs"]), batch)
            (loss / batch["count"].clamp(min=1)).backward()

        return fastest(once, device)

    timed = min(FIRST, size)
    seconds = seconds_of(timed)
    more = min(size, int(BUDGET * timed / seconds))
    if more > timed:
        timed, seconds = more, seconds_of(more)
    model.zero_grad(set_to_none=True)
    return Passes(seconds * size / timed, timed, size)


def micro_batch(recipe: Recipe, checked: Checked, prepared: Prepared, examples: int) -> Batch:
    """The first examples of a training's first micro-batch, augmented as there."""
    rows, task, seed = prepared.train, checked.task, recipe.run.seed
    first, limit = First(prepared.order, examples), CorruptLimit.of(recipe, rows)
    made = train_batches(rows, first, task.example, task.collate, 1, 0, seed, 0, 0, limit)
    return next(made)[0]


def fastest(call: Callable[[], None], device: torch.device, least: int = 2) -> float:
    """The shortest of `least` or more calls after one that warms up, in seconds."""
    spent: list[float] = []
    while len(spent) <= least or (len(spent) <= REPEATS and sum(spent[1:]) < LONG):
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent.append(time.perf_counter() - started)
    return min(spent[1:])
