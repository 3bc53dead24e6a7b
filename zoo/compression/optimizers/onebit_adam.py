"""1-bit Adam: Adam until a step, then its momentum in one bit an element over frozen variances."""

from typing import Any

from torch import Tensor

from zoo.compression.optimizers.communicating import Communicating


class OneBitAdam(Communicating):
    """Tang et al. 2021 (arXiv 2102.02888), algorithm 1; DeepSpeed's runtime/fp16/onebit/adam.py.

    The first `freeze_step` steps are AdamW over a dense mean. Afterwards the variance stays as it
    is and each rank sends beta1 m + (1 - beta1) g_i through an error-feedback mean, whose result
    replaces the momentum everywhere. Weight decay is decoupled. Unlike DeepSpeed's: errors are
    state like any other, scales are of blocks of one fused buffer, denominators have a floor.
    `communication` is what Communicating takes. ValueError for a freeze_step below 1.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, bias_correction: bool = True,
        freeze_step: int = 100000, **communication: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
            bias_correction=bias_correction, **communication,
        )  # fmt: skip
        if freeze_step < 1:
            raise ValueError(f"a variance is measured before it freezes: freeze_step {freeze_step}")
        self.freeze_step = freeze_step

    @property
    def phase(self) -> str:
        """What the next step is."""
        return "dense" if self.steps < self.freeze_step else "compressed"

    def _advance(self, gradient: Tensor, local: float) -> None:
        if self.steps <= self.freeze_step:
            mean = self._dense(gradient, local)
            self._update_momentum(mean)
            self._update_variance(mean)
            self._move(self._denominator())
            return
        self._send_momentum(self._local(gradient, local))
        self._move(self._frozen().denominator)

    def counters(self) -> dict[str, Any]:
        """As in Communicating; the phase is for readers."""
        return super().counters() | {"phase": self.phase}
