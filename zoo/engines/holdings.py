"""What of a model a rank holds, under module names: the bridge from layouts to fragments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.layout import Layout, Part
from zoo.models.names import parameters_of
from zoo.models.upstream import is_persistent


@dataclass(frozen=True)
class Holding:
    """A parameter or buffer on this rank; `shape` is the full tensor's, `part` this rank's of it.

    `counted` says whether this rank writes it and counts it in the gradient norm: of equal copies
    on several stages or tensor ranks only one is.
    """

    name: str
    tensor: Tensor
    shape: tuple[int, ...]
    part: Part | None
    counted: bool
    given: bool = False
    """Whether it is an adapter's base, which never changes and is read from where it came from."""


@dataclass(frozen=True)
class Holdings:
    """All parameters and persistent buffers of a rank, in the model's order."""

    parameters: list[Holding]
    buffers: list[Holding]


def holdings(
    model: PreTrainedModel,
    layout: Layout,
    rank: int,
    shapes: Mapping[str, tuple[int, ...]],
    parts: Mapping[str, Part],
    tied: Mapping[str, list[int]],
) -> Holdings:
    """What the rank holds of a filled model; what is still on meta belongs to other stages.

    `shapes` are the full ones, noted before anything was cut; `tied` names the parameters that
    several stages hold, of which the first counts.
    """
    adapted = hasattr(model, "peft_config")
    stage, first = layout.stage(rank), layout.tensor_rank(rank) == 0

    def held(name: str, tensor: Tensor) -> Holding:
        once = name not in tied or tied[name][0] == stage
        counted, given = once and (first or name in parts), adapted and not tensor.requires_grad
        return Holding(name, tensor, shapes[name], parts.get(name), counted, given)

    return Holdings(
        [held(name, p) for name, p in parameters_of(model) if not p.is_meta],
        [held(name, b) for name, b in persistent_buffers(model) if not b.is_meta],
    )


def persistent_buffers(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The buffers that a checkpoint must keep (BatchNorm statistics, ...)."""
    for name, part in module.named_modules():
        for key, buffer in part.named_buffers(recurse=False, remove_duplicate=False):
            if is_persistent(part, key):
                yield f"{name}.{key}" if name else key, buffer


def full_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of all parameters and buffers of a model that nothing has cut yet."""
    named = (*parameters_of(model), *model.named_buffers())
    return {name: tuple(tensor.shape) for name, tensor in named}
