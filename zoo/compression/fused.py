"""Parameters laid out one after the other in one flat buffer: one message instead of hundreds."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


class Fused:
    """Where each parameter stands in one flat buffer, in the order they were given.

    A parameter that is given twice (tied weights) raises ValueError: it has one place.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        if len({id(parameter) for parameter in parameters}) < len(parameters):
            raise ValueError("a parameter is given twice; tied weights have one place in a buffer")
        self.slots: list[tuple[Tensor, int, int]] = []
        self.numel = 0
        for parameter in parameters:
            self.slots.append((parameter, self.numel, parameter.numel()))
            self.numel += parameter.numel()

    @torch.no_grad()
    def gather(self, tensors: Iterable[Tensor | None], out: Tensor) -> Tensor:
        """Copies one tensor a parameter into `out` (flat, at least numel long) and returns it.

        A missing tensor is zeros; elements of `out` beyond numel are left as they are.
        """
        for (_, start, length), tensor in zip(self.slots, tensors, strict=True):
            place = out[start : start + length]
            if tensor is None:
                place.zero_()
            else:
                place.copy_(tensor.detach().reshape(-1))
        return out

    def views(self, flat: Tensor) -> list[Tensor]:
        """Views of a flat buffer shaped like the parameters, sharing its memory."""
        return [
            flat[start : start + length].view(parameter.shape)
            for parameter, start, length in self.slots
        ]
