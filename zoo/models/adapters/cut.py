"""Adapters of matrices that tensor ranks share: which of the two factors is cut, what they add.

Of a matrix cut by its output (columns) B is cut alike and A whole; of one cut by its input (rows) A
is cut alike and B whole; DoRA's lengths go with B. What is whole has a gradient that is a sum over
the ranks: each has a share of what it multiplies.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.nn import functional

from zoo.models.adapters.place import ADAPTER, LENGTHS
from zoo.models.fill import is_adapted

A, B, LENGTHS_OF = f"lora_A.{ADAPTER}", f"lora_B.{ADAPTER}", f"{LENGTHS}.{ADAPTER}"


def reads_below(layer: Any) -> bool:
    """Whether an adapted matrix's own forward reads weights of the modules below it: DoRA's does,
    and that of tensor ranks, which takes its class's place.
    """
    return is_adapted(layer) and (bool(layer.lora_magnitude_vector) or "forward" in vars(layer))


def dropouts(layer: Any) -> list[nn.Module]:
    """What drops some of an adapter's input."""
    return [one for one in layer.lora_dropout.values() if isinstance(one, nn.Dropout)]


def adapters_input(layer: Any, hidden: Tensor) -> Tensor | None:
    """What an adapter reads of a matrix's input; None where there is none, or it is off."""
    if not is_adapted(layer) or layer.disable_adapters:
        return None
    dropped: Tensor = layer.lora_dropout[ADAPTER](hidden)
    return dropped


def added(layer: Any, dropped: Tensor, weight: Tensor, group: ProcessGroup) -> Tensor:
    """What an adapter adds to this rank's share of the output of a matrix cut by its input.

    `weight` (out, in) is the rank's slice. DoRA's rows have their lengths over all ranks' slices;
    no gradient goes through these (Liu et al. 2024, section 4.3), as in peft/tuners/lora/dora.py.
    """
    first, second = layer.lora_A[ADAPTER], layer.lora_B[ADAPTER]
    scale = layer.scaling[ADAPTER]
    product: Tensor = second(first(dropped.to(first.weight.dtype))) * scale
    if ADAPTER not in layer.lora_magnitude_vector:
        return product
    with torch.no_grad():
        squares = (weight + scale * (second.weight @ first.weight)).float().square().sum(1)
        dist.all_reduce(squares, group=group)
        now = squares.sqrt().to(product.dtype)
    share = layer.lora_magnitude_vector[ADAPTER].weight / now
    return (share - 1) * functional.linear(dropped, weight) + share * product
