"""Deep Gradient Compression: only the largest part of the velocity is sent, the rest waits."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.compression.codecs.message import bearable, refuse_non_finite
from zoo.compression.fused import Fused
from zoo.compression.mean import Group, all_gather, world

SAMPLE = 1 << 16


def warming(ratio: float, steps: int, stages: int = 4) -> Callable[[int], float]:
    """The kept share of each step (from 0): in stages of equal length down to `ratio`.

    Stage s of S keeps ratio^((s+1)/(S+1)), as in the authors' code (dgc/compression.py).
    """

    def ratio_at(step: int) -> float:
        stage = step * stages // steps if step < steps else stages
        return float(ratio ** (min(stage + 1, stages + 1) / (stages + 1)))

    return ratio_at


def largest(values: Tensor, count: int) -> Tensor:
    """Where the `count` largest |values| stand: exact, after a sampled threshold left few of them.

    A sample that misleads (values in a regular pattern) costs time, never exactness.
    """
    numel = values.numel()
    stride = max(numel // SAMPLE, 1) | 1
    sample = values[::stride].abs()
    wanted = math.ceil(1.25 * count * sample.numel() / numel) + 8
    if stride > 1 and wanted < sample.numel() // 2:
        threshold = sample.topk(wanted).values[-1]
        found = (values.abs() >= threshold).nonzero().flatten()
        if found.numel() >= count:
            return found[values[found].abs().topk(count, sorted=False).indices]
    return values.abs().topk(count, sorted=False).indices


class TopK:
    """The mean of the largest entries of each rank's accumulated velocity (arXiv 1712.01887).

    Each step: u = momentum u + g, v = v + u (Nesterov: u = momentum (u + g), v = v + u + g); the
    largest |v| of the whole buffer are sent as int32 index and value, and set to 0 in v and, with
    `mask`, in u (section 3.1, algorithm 1). What comes back holds the momentum already: step with
    plain SGD. Rounding of the values to `value_dtype` stays in v. `ratio` is the kept share, or a
    function of the step from 0 (`warming`); masking is for shares up to 1 %, beyond it takes most
    of the momentum away. `clip` is the global norm's bound: each rank clips its own gradient to
    clip / sqrt(ranks) (section 3.2). In a group of one all is sent, as plain momentum.
    """

    def __init__(
        self, fused: Fused, group: Group | None, device: torch.device | str,
        dtype: torch.dtype = torch.float32, *, ratio: float | Callable[[int], float] = 0.01,
        momentum: float = 0.9, nesterov: bool = False, mask: bool = True,
        clip: float | None = None, value_dtype: torch.dtype | None = torch.bfloat16,
    ) -> None:  # fmt: skip
        if fused.numel >= 2**31:
            raise ValueError(f"{fused.numel} elements are more than an int32 index reaches")
        self.group, self.ranks = group, world(group)[1]
        self.ratio_at = ratio if callable(ratio) else lambda step: ratio
        self.beta, self.nesterov, self.mask, self.clip = momentum, nesterov, mask, clip
        self.value_dtype = value_dtype or dtype
        self.momentum = torch.zeros(fused.numel, dtype=dtype, device=device)
        self.velocity = torch.zeros_like(self.momentum)
        self.step = torch.zeros(1, dtype=torch.int64)
        self.sent = 0

    def bears(self, gradients: Tensor) -> bool:
        """As Compressor says."""
        return bearable(gradients)

    @torch.no_grad()
    def __call__(self, gradients: Tensor) -> Tensor:
        """As Compressor says; to be stepped with as plain SGD."""
        refuse_non_finite(gradients)
        self._accumulate(gradients)
        ratio = self.ratio_at(int(self.step))
        self.step += 1
        if self.ranks == 1:
            whole = self.velocity.clone()
            self.velocity.zero_()
            return whole
        count = min(max(math.ceil(ratio * gradients.numel()), 1), gradients.numel())
        return self._exchange(largest(self.velocity, count))

    def _accumulate(self, gradients: Tensor) -> None:
        """Momentum and velocity of the clipped gradient."""
        if self.clip is not None:
            bound = self.clip / math.sqrt(self.ranks)
            gradients = gradients * torch.clamp(bound / gradients.norm(), max=1)
        self.momentum.mul_(self.beta).add_(gradients, alpha=self.beta if self.nesterov else 1)
        self.velocity += self.momentum
        if self.nesterov:
            self.velocity += gradients

    def _exchange(self, chosen: Tensor) -> Tensor:
        """Sends the chosen entries; the mean of everybody's."""
        values = self.velocity[chosen]
        short = values.to(self.value_dtype)
        self.velocity[chosen] = values - short
        if self.mask:
            self.momentum[chosen] = 0
        parts = (chosen.to(torch.int32).view(torch.uint8), short.view(torch.uint8))
        messages, work = all_gather(torch.cat(parts), self.group)
        self.sent += (self.ranks - 1) * messages.shape[1]
        work.wait()
        mean = torch.zeros_like(self.velocity)
        for message in messages:  # in rank order, so that all ranks get the same bits
            index = message[: 4 * chosen.numel()].clone().view(torch.int32)
            arrived = message[4 * chosen.numel() :].clone().view(self.value_dtype)
            mean.index_add_(0, index, arrived.to(mean.dtype))
        return mean.div_(self.ranks)

    def per_rank(self) -> dict[str, Tensor]:
        """Momentum and velocity."""
        return {"momentum": self.momentum, "velocity": self.velocity}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """Nothing."""
        return {}

    def shared(self) -> dict[str, Tensor]:
        """The step, which the kept share may hang on."""
        return {"step": self.step}
