"""The seam between the training loop and whatever takes one step: the Engine and what it
answers.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import Batch
from zoo.engines.sums import QUIET, Notice
from zoo.layout import Part
from zoo.tasks.task import Task

Totals = dict[str, Tensor]
Record = tuple[int, dict[str, Any]]
"""A row's index, and what the task tells of that example, by name."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def moved(batch: Batch, device: torch.device, dtype: torch.dtype, task: Task) -> Batch:
    """A batch on the device, with what the model reads as inputs; those that are floating in the
    model's precision, but for "labels" among them.

    Inputs and labels may hold mappings and lists of tensors, and what is no tensor stays.
    """

    def in_precision(one: Tensor) -> Tensor:
        return one.to(dtype) if one.is_floating_point() else one

    there = each_tensor(batch["inputs"], lambda one: one.to(device))
    inputs = {
        name: value if name == "labels" else each_tensor(value, in_precision)
        for name, value in task.on_device(there).items()
    }
    return targets_moved(batch, device) | {"inputs": inputs}


def targets_moved(batch: Batch, device: torch.device) -> Batch:
    """A batch whose labels are on the device, and whose inputs are as the worker made them."""
    labels = each_tensor(batch["labels"], lambda one: one.to(device))
    return batch | {"labels": labels, "count": batch["count"].to(device)}


def each_tensor(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """The same nested mappings and lists with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: each_tensor(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [each_tensor(inner, change) for inner in value]
    return value


def entries(found: Mapping[str, Any], batch: Batch) -> list[Record]:
    """A micro-batch's records, example by example, without those that do not count.

    Tensors become numpy arrays (bfloat16 float32), wherever they lie. Raises ValueError where an
    array has not one entry an example.
    """
    if not found:
        return []
    arrays, ids = (
        {name: each_tensor(values, on_host) for name, values in found.items()},
        batch["ids"],
    )
    for name, values in arrays.items():
        if len(values) != len(ids):
            raise ValueError(f"records: {len(values)} of {name} for {len(ids)} examples")
    places = [place for place, counts in enumerate(batch["counted"]) if counts]
    return [(ids[at], {name: values[at] for name, values in arrays.items()}) for at in places]


def on_host(tensor: Tensor) -> np.ndarray:
    """A tensor as numpy has it."""
    plain = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    found: np.ndarray = plain.detach().cpu().numpy()
    return found


@dataclass(frozen=True)
class Step:
    """What one optimizer step did; the same values on every rank.

    `loss` is the global sum over the global count of targets; `grad_norm` the global norm before
    clipping; `lr` the first group's rate used in this step; `told` what ranks told each other in
    its message; `sent` (this rank's own) the bytes that went in place of whole gradients; `lost`
    the examples that lost targets, by the task's counters; `places` those of the inputs that held
    something, and all of them (0 where none are padded). A step that is `skipped` changed nothing.
    """

    loss: float
    grad_norm: float
    lr: float
    targets: int
    corrupt: int
    skipped: bool
    told: Notice
    sent: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    examples: int = 0
    places: tuple[int, int] = (0, 0)

    @property
    def signal(self) -> int:
        """The largest stop signal of any rank."""
        return self.told.signal


@dataclass(frozen=True)
class Fragment:
    """A flat range of one named tensor that this rank holds, as a view on the engine's own memory.

    `key` is `<kind>/<module tensor name>` (kind: param, buffer, or the optimizer's state name),
    `shape` the full tensor's, `part` what a tensor rank has of it (None: all), `start` the first
    element of the range in the flattened part, `primary` whether this rank writes it (replicas are
    written once).
    """

    key: str
    shape: tuple[int, ...]
    start: int
    tensor: Tensor
    primary: bool = True
    part: Part | None = None


@dataclass(frozen=True)
class Evaluated:
    """What one micro-batch a rank gave: tallies summed over all ranks, what these told each other,
    and this rank's own records.
    """

    totals: Totals
    told: Notice
    records: list[Record]


class NonFiniteLoss(Exception):
    """The loss of a step is not a number; names the step and, by rank, the examples."""

    def __init__(self, step: int, culprits: Sequence[tuple[int, float, list[int]]]) -> None:
        self.step = step
        lines = [f"rank {rank}: loss {loss}, examples {ids}" for rank, loss, ids in culprits]
        super().__init__(f"step {step}: the loss is not finite\n" + "\n".join(lines))


class Engine(Protocol):
    """Takes steps; all ranks call every method together, in the same order."""

    layout_name: str
    whole_bytes: int
    """What fp32 all-reduce would send a rank and step; 0 where gradients are reduced like that."""

    @property
    def step(self) -> int:
        """How many steps were taken."""

    def train_batch(self, micro_batches: Sequence[Batch], told: Notice = QUIET) -> Step:
        """One optimizer step over this rank's micro-batches, which tells the others `told`; raises
        NonFiniteLoss before any update.
        """

    def rehearse(self, batch: Batch) -> None:
        """Forward and backward of one micro-batch, the same on all ranks, after which everything is
        as it was before: it needs the memory of a step and changes none of its results.
        """

    def eval_batch(self, batch: Batch, told: Notice = QUIET) -> Evaluated:
        """Tallies and records of one micro-batch a rank, which tells the others `told`."""

    def swap_average(self) -> None:
        """Puts the moving average of the weights in their place, or these back bit for bit; between
        the two calls nothing is trained or saved.
        """

    def facts(self) -> dict[str, float]:
        """Numbers of this rank that a row of metrics tells beside the step's own."""

    def fragments(self) -> Iterator[Fragment]:
        """Views on all the state that this rank owns, in place; made ready to be read or
        written.
        """

    def counters(self) -> dict[str, Any]:
        """The state that is not tensors: schedule and loss scaler, JSON-ready."""

    def restore(
        self, step: int, counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """Fills every fragment by `read` and goes on after `step`."""

    def take_moments(
        self, kinds: Collection[str], counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """Fills the optimizer's moments of these kinds by `read`, before the first step; `counters`
        are those of the engine that made them.
        """

    def close(self) -> None:
        """Gives back what the engine holds."""
