"""Adapters of matrices that tensor ranks share: which of the two factors is cut, what they add.

Of a matrix cut by its output (columns) B is cut alike and A whole; of one cut by its input (rows) A
is cut alike and B whole. The whole one's gradient is a sum over the ranks: each has a share of
what it multiplies.
"""

from typing import Any

from torch import Tensor, nn

from zoo.models.adapters.place import ADAPTER
from zoo.models.fill import is_adapted

A, B = f"lora_A.{ADAPTER}", f"lora_B.{ADAPTER}"


def dropouts(layer: Any) -> list[nn.Module]:
    """What drops some of an adapter's input."""
    return [one for one in layer.lora_dropout.values() if isinstance(one, nn.Dropout)]


def adapters_input(layer: Any, hidden: Tensor) -> Tensor | None:
    """What an adapter reads of a matrix's input; None where there is none, or it is off."""
    if not is_adapted(layer) or layer.disable_adapters:
        return None
    dropped: Tensor = layer.lora_dropout[ADAPTER](hidden)
    return dropped.to(layer.lora_A[ADAPTER].weight.dtype)


def added(layer: Any, dropped: Tensor) -> Tensor:
    """What an adapter adds to its matrix's output."""
    product: Tensor = layer.lora_B[ADAPTER](layer.lora_A[ADAPTER](dropped))
    return product * layer.scaling[ADAPTER]
