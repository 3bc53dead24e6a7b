"""The seam between the training loop and whatever takes one step: the Engine and what it
answers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from zoo.layout import Part

Batch = dict[str, Any]
Totals = dict[str, Tensor]


def moved(batch: Batch, device: torch.device, dtype: torch.dtype) -> Batch:
    """A batch on the device; floating inputs in the model's precision."""
    inputs = {
        key: value.to(device, dtype if value.is_floating_point() else None)
        for key, value in batch["inputs"].items()
    }
    labels = {key: value.to(device) for key, value in batch["labels"].items()}
    return batch | {"inputs": inputs, "labels": labels, "count": batch["count"].to(device)}


@dataclass(frozen=True)
class Step:
    """What one optimizer step did; the same values on every rank.

    `loss` is the global sum over the global count of targets; `grad_norm` the global norm before
    clipping; `lr` the first group's rate used in this step; `signal` the largest stop signal of
    any rank; `sent` (this rank's own) the bytes that went in place of whole gradients.
    """

    loss: float
    grad_norm: float
    lr: float
    targets: int
    corrupt: int
    skipped: bool
    signal: int
    sent: int = 0


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


class NonFiniteLoss(Exception):
    """The loss of a step is not a number; names the step and, by rank, the examples."""

    def __init__(self, step: int, culprits: Sequence[tuple[int, float, list[int]]]) -> None:
        self.step = step
        lines = [f"rank {rank}: loss {loss}, examples {ids}" for rank, loss, ids in culprits]
        super().__init__(f"step {step}: the loss is not finite\n" + "\n".join(lines))


class Engine(Protocol):
    """Takes steps; all ranks call every method together, in the same order."""

    step: int
    layout_name: str
    whole_bytes: int
    """What fp32 all-reduce would send a rank and step; 0 where gradients are reduced like that."""

    def train_batch(self, micro_batches: Sequence[Batch], signal: int = 0) -> Step:
        """One optimizer step over this rank's micro-batches; raises NonFiniteLoss before any
        update.
        """

    def eval_batch(self, batch: Batch, signal: int = 0) -> tuple[Totals, int]:
        """Tallies of one micro-batch a rank, summed over all ranks, and the largest stop signal."""

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

    def close(self) -> None:
        """Gives back what the engine holds."""
