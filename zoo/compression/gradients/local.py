"""Local SGD and DiLoCo: ranks step alone and meet every so many steps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.compression.fused import Fused
from zoo.compression.gradients.compressor import Compressor
from zoo.compression.mean import Group, dense_mean


class OuterStep:
    """What happens when ranks meet: one step of Nesterov momentum from where they last met.

    With theta the common point and delta = theta - mean(parameters): w = momentum w + delta, theta
    = theta - lr (delta + momentum w) (DiLoCo, arXiv 2311.08105, algorithm 1, with the outer
    optimizer in the form of torch.optim.SGD). The paper's choice is lr 0.7, momentum 0.9 and 500
    steps between; lr 1 without momentum is local SGD (arXiv 1805.09767). Below some twenty meetings
    momentum 0.5 is better. Moments of the inner optimizer stay where they are.

    `first` is the number of steps that ranks take together before (post-local SGD); call `begin`
    after the last of them. With a `compressor` (over the same buffer) it carries theta -
    parameters; without, parameters are averaged in full. All ranks make it and call it together.
    """

    def __init__(
        self, fused: Fused, group: Group | None, device: torch.device | str,
        dtype: torch.dtype = torch.float32, *, period: int, first: int = 0, lr: float = 0.7,
        momentum: float = 0.9, compressor: Compressor | None = None,
    ) -> None:  # fmt: skip
        if period < 1:
            raise ValueError(f"ranks meet every step or more rarely, not every {period}")
        self.fused, self.group, self.compressor = fused, group, compressor
        self.period, self.first, self.lr, self.beta = period, first, lr, momentum
        self.theta = torch.zeros(fused.numel, dtype=dtype, device=device)
        self.momentum = torch.zeros_like(self.theta)
        self._sent = 0
        self.begin([parameter for parameter, _, _ in fused.slots])

    @property
    def sent(self) -> int:
        """Bytes that this rank has handed to collectives."""
        return self._sent + (self.compressor.sent if self.compressor else 0)

    def begin(self, parameters: Sequence[Tensor]) -> None:
        """Takes the parameters, equal on all ranks, for the common point; forgets the momentum."""
        self.fused.gather(parameters, self.theta)
        self.momentum.zero_()

    def due(self, step: int) -> bool:
        """Whether ranks meet after this step (counted from 1)."""
        return step > self.first and (step - self.first) % self.period == 0

    @torch.no_grad()
    def sync(self, parameters: Sequence[Tensor]) -> None:
        """Puts all ranks' parameters, in place, where the outer step leads; all ranks call it."""
        mean, delta = self._met(self.fused.gather(parameters, torch.empty_like(self.theta)))
        self.momentum.mul_(self.beta).add_(delta)
        # theta - lr delta, written from the mean: exact where lr is 1 and there is no momentum
        self.theta.copy_(mean).add_(delta, alpha=1 - self.lr)
        self.theta.sub_(self.momentum, alpha=self.lr * self.beta)
        for parameter, view in zip(parameters, self.fused.views(self.theta), strict=True):
            parameter.copy_(view)

    def _met(self, mine: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of the parameters, and how far the common point is from it."""
        if self.compressor:
            delta = self.compressor(self.theta - mine)
            return self.theta - delta, delta
        self._sent += dense_mean(mine, self.group)
        return mine, self.theta - mine

    def per_rank(self) -> dict[str, Tensor]:
        """That of the compressor."""
        return self.compressor.per_rank() if self.compressor else {}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """That of the compressor."""
        return self.compressor.sharded() if self.compressor else {}

    def shared(self) -> dict[str, Tensor]:
        """The common point and the outer momentum, equal on all ranks."""
        own = {"theta": self.theta, "outer_momentum": self.momentum}
        return own | (self.compressor.shared() if self.compressor else {})
