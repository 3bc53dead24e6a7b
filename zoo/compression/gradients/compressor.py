"""Compressed means of the gradient, for any optimizer: one interface, and the dense mean.

At the same bytes one-bit momentum serves Adam better than any of these; `top-k` and `power-sgd`
are at home with momentum SGD, and lossy gradients in a live second moment do harm.
"""

from typing import Protocol

import torch
from torch import Tensor

from zoo.compression.codecs.message import bearable, refuse_non_finite
from zoo.compression.fused import Fused
from zoo.compression.mean import Group, dense_mean


class Compressor(Protocol):
    """The mean of the ranks' fused gradients, sent in few bytes; its state may be loaded in place.

    Call it once a step, on the mean over micro-batches, unscaled, weight decay (where it is part of
    the gradient) added; not at all on a step that is skipped. Ask `bears` on every rank before, and
    call it only if all say yes: a rank that raises leaves the others waiting.
    """

    @property
    def sent(self) -> int:
        """Bytes that this rank has handed to collectives."""
        ...

    def bears(self, gradients: Tensor) -> bool:
        """Whether this rank's gradient (numel,) can be sent; touches no state and no other rank."""
        ...

    def __call__(self, gradients: Tensor) -> Tensor:
        """The mean of `gradients` (numel,) over the ranks, the same bits on each; all call it.

        FloatingPointError on a rank that does not bear its gradient.
        """
        ...

    def per_rank(self) -> dict[str, Tensor]:
        """State that differs by rank, each (numel,); their mean over the ranks is what matters."""
        ...

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """State of which each rank has a stretch: it and its start in the fused buffer."""
        ...

    def shared(self) -> dict[str, Tensor]:
        """State that is equal on all ranks."""
        ...


class Dense:
    """The mean in full precision, by one all-reduce."""

    def __init__(
        self, fused: Fused, group: Group | None, device: torch.device | str,
        dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        self.group = group
        self.sent = 0

    def bears(self, gradients: Tensor) -> bool:
        """As Compressor says."""
        return bearable(gradients)

    @torch.no_grad()
    def __call__(self, gradients: Tensor) -> Tensor:
        """As Compressor says."""
        refuse_non_finite(gradients)
        mean = gradients.clone()
        self.sent += dense_mean(mean, self.group)
        return mean

    def per_rank(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """Nothing."""
        return {}

    def shared(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}
