"""1-bit Adam as ZeRO stage 1: each rank owns a chunk of masters and variances."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from zoo.compression.codecs.codec import make_codec
from zoo.compression.mean import gather_chunks
from zoo.compression.optimizers.onebit_adam import OneBitAdam


class ShardedOneBitAdam(OneBitAdam):
    """1-bit Adam (arXiv 2102.02888) over owners as in ZeRO stage 1 (arXiv 1910.02054, section 5.1).

    A rank owns the variance and the masters (fp32, or float64 for float64 parameters) of its chunk
    of the fused buffer. Dense steps reduce gradients to the owners and send masters down exactly.
    Compressed steps average momenta as OneBitAdam does, so that each rank replaces its momentum
    (what a rank keeps to itself learns worse), and owners send the difference between master and
    replica through `parameter_codec`: every rank adds the same decoded difference, and what was
    lost stands in the next one. With one bit this needs the floor under denominators.

    The parameters of all ranks must be equal when it is made; they may be bf16. `publish()` and
    `adopt()` make parameters and masters equal again after either was loaded alone.
    """

    split = True

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, bias_correction: bool = True,
        freeze_step: int = 100000, parameter_codec: str = "bf16",
        parameter_block: int | None = None, **communication: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, bias_correction, freeze_step, **communication
        )
        self.codec = make_codec(parameter_codec, parameter_block)
        if self.mean.length % self.codec.block:
            raise ValueError(f"chunks of {self.mean.length} are no whole {self.codec.block}s")
        self.valid = max(min(self.mean.length, self.fused.numel - self.owned.start), 0)
        self.master = torch.zeros_like(self.exp_avg_sq)
        self.down = 0  # bytes of parameters sent in compressed steps
        self.adopt()

    @property
    def sent(self) -> int:
        """Bytes sent by this rank so far, the few of the norms left out."""
        return super().sent + self.down

    def _states(self) -> list[dict[str, Tensor]]:
        return [{} for _ in self.fused.slots]  # a chunk has no parameter's shape

    def _check(self) -> None:
        """Replicas may be short: masters are here."""

    @torch.no_grad()
    def adopt(self) -> None:
        """Masters become what the parameters are."""
        self.master.copy_(self._replica())

    @torch.no_grad()
    def publish(self) -> None:
        """Parameters become what the masters are, sent exactly; all ranks call it."""
        whole = self.dense.gather(self.master)
        for parameter, values in zip(self.parameters(), self.fused.views(whole), strict=True):
            parameter.copy_(values)

    def _replica(self) -> Tensor:
        """This rank's chunk of the parameters as all ranks have them, padding 0."""
        chunk = torch.zeros_like(self.master)
        for parameter, start, numel in self.slots():
            first, last = max(start, self.owned.start), min(start + numel, self.owned.stop)
            if first < last:
                values = parameter.detach().reshape(-1)[first - start : last - start]
                chunk[first - self.owned.start : last - self.owned.start] = values
        return chunk

    def _advance(self, gradient: Tensor, local: float) -> None:
        if self.steps > self.freeze_step and self._held is None:
            # first compressed step, or first after loading: owners have the momentum in chunks
            self._momentum.copy_(self.dense.gather(self._momentum[self.owned].clone()))
        super()._advance(gradient, local)
        if self.steps <= self.freeze_step:
            self.publish()
        else:
            self._send_differences()

    def _send_differences(self) -> None:
        difference = self.master - self._replica()
        self.down += (self.ranks - 1) * self.codec.bytes(len(difference), self.dtype)
        decoded = gather_chunks(difference, self.codec, self.valid, self.group)
        for parameter, change in zip(self.parameters(), self.fused.views(decoded), strict=True):
            parameter.add_(change)

    def _average(self, gradient: Tensor) -> Tensor:
        return self.dense.to_owner(gradient)

    def _squares_of_mean(self, mean: Tensor) -> Tensor:
        return self._over_ranks(self._count(mean, self.owned.start))

    def _add_up(self, sums: Tensor) -> Tensor:
        return self._over_ranks(sums)

    def _everywhere(self, owned: Tensor) -> Tensor:
        return self.dense.gather(owned)

    def _places(self) -> Iterator[slice]:
        """Each group's part of this chunk, counted from the chunk's start."""
        for _, place in self._stretches():
            start = max(place.start, self.owned.start) - self.owned.start
            stop = min(place.stop, self.owned.stop) - self.owned.start
            yield slice(start, max(start, stop))

    def _shift(self, denominator: Tensor, rates: list[float], shrinks: list[float]) -> None:
        """As in MomentOptimizer, of the masters."""
        momentum = self._momentum[self.owned]
        for place, rate, shrink in zip(self._places(), rates, shrinks, strict=True):
            master = self.master[place].mul_(shrink)
            master.addcdiv_(momentum[place], denominator[place], value=-rate)

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """As in Communicating; the master is what the parameters follow."""
        return super().sharded() | {
            "exp_avg": self._part(self._momentum[self.owned]),
            "exp_avg_sq": self._part(self.exp_avg_sq),
            "master": self._part(self.master),
        }
