"""The largest micro-batch before the first step: what does not fit in memory is known at once."""

import numpy as np
import torch

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import eval_batches
from zoo.data.ordering.order import Order
from zoo.data.ordering.plan import Plan
from zoo.data.rows import Batch, Rows, Subset
from zoo.engines.engine import Engine
from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.tasks.task import Task
from zoo.training.world import Here


def rehearse(
    recipe: Recipe, task: Task, rows: Rows, order: Order, engine: Engine, here: Here
) -> None:
    """Takes the largest micro-batch through forward and backward once, and changes nothing by it.

    Nothing is done where examples have one size, or an unknown one, or where a rank cannot read.

    All ranks call it, and take the same rows. Raises ConfigError where memory is short.
    """
    chosen = largest(recipe, rows, order)
    batch = None if chosen is None else made(recipe, task, rows, chosen)
    readable = here.gather(batch is not None)
    if batch is None or not all(readable):
        return
    widest = max(tensors(batch), key=torch.Tensor.numel)
    shape = "x".join(map(str, widest.shape))
    said = f"{len(batch['ids'])} examples, {shape}"
    try:
        engine.rehearse(batch)
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not out_of_memory(error):
            raise
        found = f"{recipe.run.micro_batch} {recipe.run.batch_unit}: the largest micro-batch"
        found += f" ({said}) does not fit in memory"
        allowed = "a smaller one; parallel.gradient_checkpointing, more data ranks under "
        allowed += "parallel.zero.stage 3, or run.precision bf16 need less as well"
        key = "run.micro_batch"
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed)]) from error


def largest(recipe: Recipe, rows: Rows, order: Order) -> np.ndarray | None:
    """The rows of the micro-batch that is the largest with its padding, int64 (examples,)."""
    if isinstance(order, Plan):
        return order.largest()
    lengths = rows.lengths() if KINDS[recipe.task.kind].amounts else None
    if lengths is None:
        return None
    known = np.where(np.isnan(lengths), 0.0, lengths)
    return np.sort(np.argsort(-known, kind="stable")[: recipe.run.micro_batch])


def made(recipe: Recipe, task: Task, rows: Rows, chosen: np.ndarray) -> Batch | None:
    """These rows as a micro-batch without augmentation; None where not one can be read."""
    some, limit = Subset(rows, chosen), CorruptLimit(len(chosen), alone=False)
    size, seed = len(chosen), recipe.run.seed
    batch = next(eval_batches(some, task.example, task.collate, size, 0, 1, seed, 0, limit))
    return batch if "inputs" in batch else None


def tensors(batch: Batch) -> list[torch.Tensor]:
    """The inputs that are tensors."""
    return [value for value in batch["inputs"].values() if isinstance(value, torch.Tensor)]


def out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's memory, or this machine's, is what was short."""
    short = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(one in str(error) for one in short)
