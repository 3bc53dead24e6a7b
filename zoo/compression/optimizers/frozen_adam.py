"""Adam whose variance freezes: for gradients that were compressed on their way."""

from typing import Any

import torch
from torch import Tensor

from zoo.compression.optimizers.moments import MomentOptimizer


class FrozenAdam(MomentOptimizer):
    """torch's Adam or AdamW for `freeze_step` steps, then the same with the variance as it stands.

    Gradients that carry the noise and the delays of a compressor would spoil a living variance;
    over a frozen one Adam is linear and error feedback holds (1-bit Adam, arXiv 2102.02888, section
    3). It communicates nothing: p.grad is the mean that was decoded, the same on all ranks, and a
    missing one is zeros. `adam_w_mode` false adds weight decay to the gradient.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, bias_correction: bool = True,
        freeze_step: int = 100000, adam_w_mode: bool = True, denominator_floor: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, bias_correction, denominator_floor
        )  # fmt: skip
        if freeze_step < 1:
            raise ValueError(f"a variance is measured before it freezes: freeze_step {freeze_step}")
        self.freeze_step, self.adam_w_mode = freeze_step, adam_w_mode
        self._allocate(self.fused.numel, slice(0, self.fused.numel))

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from p.grad; closures are not taken."""
        gradient = self._gather()
        if not self.adam_w_mode:
            self._add_decay(gradient)
        self.steps += 1
        self._update_momentum(gradient)
        if self.steps <= self.freeze_step:
            self._update_variance(gradient)
            self._move(self._denominator())
            return
        self.exp_avg.index_fill_(0, self._frozen().still, 0)
        self._move(self._frozen().denominator)

    def _add_decay(self, gradient: Tensor) -> None:
        decays = [group["weight_decay"] for group in self.param_groups for _ in group["params"]]
        places = zip(self.fused.views(gradient), self.parameters(), decays, strict=True)
        for place, parameter, decay in places:
            place.add_(parameter, alpha=decay)

    def _shrinks(self) -> list[float]:
        return super()._shrinks() if self.adam_w_mode else [1.0] * len(self.param_groups)
