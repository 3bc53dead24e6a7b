"""0/1 Adam: fewer updates of the variance, then several local steps for each message of one bit."""

import math
from typing import Any

import torch
from torch import Tensor

from zoo.compression.optimizers.communicating import Communicating


class ZeroOneAdam(Communicating):
    """Lu et al. 2022 (arXiv 2202.06009), algorithm 1; DeepSpeed's runtime/fp16/onebit/zoadam.py.

    Up to `var_freeze_step`, every k-th step is a dense AdamW step and the others take a compressed
    gradient into the momentum alone; k starts at 1 and doubles after `var_update_scaler` dense
    steps. Afterwards each rank moves on its own momentum, and every k-th step all return to the
    last common point and move by the mean of what they did; k starts at 1, doubles every
    `local_step_scaler` steps and is at most `local_step_clipper`.

    Unlike DeepSpeed's: the message of a synchronisation is the mean momentum since the last one,
    weighted by the learning rates, so errors keep their meaning when rates change; decay acts on
    the common point and never enters the momentum. Between synchronisations parameters differ by
    rank: call `settle()` before evaluating or saving. There is no ZeRO-1 form, since no rank could
    own a parameter that each of them moves. `communication` is what Communicating takes.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, bias_correction: bool = True,
        var_freeze_step: int = 100000, var_update_scaler: int = 16,
        local_step_scaler: int = 32678, local_step_clipper: int = 16, **communication: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
            bias_correction=bias_correction, **communication,
        )  # fmt: skip
        policy = (var_freeze_step, var_update_scaler, local_step_scaler, local_step_clipper)
        if min(policy) < 1:
            raise ValueError(f"counts of steps start at 1: {policy}")
        self.var_freeze_step, self.var_update_scaler = var_freeze_step, var_update_scaler
        self.local_step_scaler, self.local_step_clipper = local_step_scaler, local_step_clipper
        self.variance_interval, self.variance_updates = 1, 0
        self.sync_interval, self.local_steps = 1, 0
        self._travelled = torch.zeros_like(self.exp_avg)  # sum of rate times momentum since a sync
        self._anchor: Tensor | None = None  # the common point, once ranks have left it
        self._begin()

    def _begin(self) -> None:
        """A new interval: nobody has moved."""
        self._travelled.zero_()
        self.rates = [0.0] * len(self.param_groups)
        self.shrinks = [1.0] * len(self.param_groups)
        self.unsettled = 0

    @property
    def phase(self) -> str:
        """What the next step is."""
        if self.steps >= self.var_freeze_step:
            return "local"
        return "compressed" if (self.steps + 1) % self.variance_interval else "dense"

    def _advance(self, gradient: Tensor, local: float) -> None:
        if self.steps > self.var_freeze_step:
            self._local_step(self._local(gradient, local))
        elif self.steps % self.variance_interval == 0:
            self._dense_step(gradient, local)
        else:
            received = self.mean(self._local(gradient, local))
            self._update_momentum(received.index_fill_(0, self._frozen().still, 0))
            self._move(self._frozen().denominator)
        if self.steps == self.var_freeze_step:
            self.mean.reset()  # errors of gradients are none of momenta

    def _dense_step(self, gradient: Tensor, local: float) -> None:
        mean = self._dense(gradient, local)
        self._update_momentum(mean)
        self._update_variance(mean)
        lossless = self.variance_interval == 1
        self._move(self._denominator() if lossless else self._frozen().denominator)
        self.variance_updates += 1
        if self.variance_updates == self.var_update_scaler:
            self.variance_updates = 0
            self.variance_interval *= 2

    def _local_step(self, gradient: Tensor) -> None:
        self._update_momentum(gradient)
        self.exp_avg.index_fill_(0, self._frozen().still, 0)
        self.unsettled += 1
        rates, shrinks = self._rates(), self._shrinks()
        for (_, place), rate in zip(self._stretches(), rates, strict=True):
            self._travelled[place].add_(self.exp_avg[place], alpha=rate)
        self.rates = [sum(pair) for pair in zip(self.rates, rates, strict=True)]
        self.shrinks = [math.prod(pair) for pair in zip(self.shrinks, shrinks, strict=True)]
        if self.steps % self.sync_interval == 0:
            self._synchronise()
        else:
            self._leave()
        self.local_steps += 1
        if self.local_steps == self.local_step_scaler:
            self.local_steps = 0
            self.sync_interval = min(self.local_step_clipper, 2 * self.sync_interval)

    def _leave(self) -> None:
        """This rank's own move; the common point is kept."""
        if self._anchor is None:
            self._anchor = self.fused.gather(self.parameters(), torch.empty_like(self.exp_avg))
        self._move(self._frozen().denominator)

    def _return(self) -> None:
        """Back to the common point."""
        if self._anchor is not None:
            points = self.fused.views(self._anchor)
            for parameter, point in zip(self.parameters(), points, strict=True):
                parameter.copy_(point)
            self._anchor = None

    @torch.no_grad()
    def settle(self) -> None:
        """Synchronises when ranks have moved apart since the last time; all ranks call it."""
        if self.unsettled:
            self._synchronise()

    def _synchronise(self) -> None:
        """m <- error-feedback mean of travelled / rate; p <- shrink p* - rate m / denominator."""
        for (_, place), rate in zip(self._stretches(), self.rates, strict=True):
            if rate:
                self._travelled[place].div_(rate)
            else:  # nobody moved: a learning rate of 0
                self._travelled[place] = self.exp_avg[place]
        self.mean(self._travelled, out=self._momentum)
        self.exp_avg.index_fill_(0, self._frozen().still, 0)
        self._return()
        self._shift(self._frozen().denominator, self.rates, self.shrinks)
        self._begin()

    def counters(self) -> dict[str, Any]:
        """As in Communicating, with the intervals; RuntimeError where `settle()` is due."""
        if self.unsettled:
            raise RuntimeError("parameters differ between ranks: settle() first")
        return super().counters() | {
            "phase": self.phase,
            "variance_interval": self.variance_interval,
            "variance_updates": self.variance_updates,
            "sync_interval": self.sync_interval,
            "local_steps": self.local_steps,
        }

    def load_counters(self, found: dict[str, Any]) -> None:
        """As in Communicating; takes the parameters as the common point."""
        super().load_counters(found)
        self.variance_interval = found["variance_interval"]
        self.variance_updates = found["variance_updates"]
        self.sync_interval, self.local_steps = found["sync_interval"], found["local_steps"]
        self._anchor = None
        self._begin()
