"""Optimizers that average gradients over ranks themselves: dense first, compressed later."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.compression.codecs.codec import make_codec
from zoo.compression.dense import DenseMean
from zoo.compression.mean import Group, TwoPhaseMean, world
from zoo.compression.optimizers.moments import MomentOptimizer


class Communicating(MomentOptimizer):
    """The part that the compressed optimizers share.

    `step()` takes in p.grad this rank's own mean gradient, to be averaged over `group` (a missing
    one is zeros), so whoever calls it averages nothing and clips nothing. All ranks call it
    together. When any rank's gradient is not finite no rank changes anything and `skipped` is True.
    A first call whose gradients are all zero is not counted: DeepSpeed's fp16 wrapper makes one.

    `clipping` is the largest norm of the mean gradient (0: none). That norm is known while the mean
    is dense. Later one factor for all ranks follows from the root mean square of the ranks' own
    norms, which is `kappa` times larger (as measured at the last dense step): the same factor
    everywhere, so that the mean stays linear.

    Where other ranks hold other parts of the model (stages, slices), `model_group` is the group of
    those that hold one whole model: its ranks step together, find the same norm and skip together.
    A parameter that several of them hold is counted by the one whose `counted` says so.

    `last_norm` is, before clipping, the norm of the mean gradient after a dense step, and the root
    mean square over ranks of the local norms after a compressed one. `sent` counts the bytes that
    this rank has sent. `warmup_dtype` is what dense gradients travel in, fp32 or bf16; `codec`,
    `block` and `pieces` are those of TwoPhaseMean. Codec `identity` loses nothing and without
    `feedback` all that is lost stays lost: both for tests.

    A checkpoint is `state` by parameter, `per_rank()`, `sharded()`, `shared()` and `counters()`:
    the tensors are views to be read and written in place, from the first moment on.
    """

    split = False
    """Whether each rank owns a chunk of the variance (ZeRO stage 1) instead of all of it."""

    def __init__(
        self, params: Any, *, lr: float, betas: tuple[float, float], eps: float,
        weight_decay: float, bias_correction: bool, denominator_floor: float = 0.1,
        group: Group | None = None, codec: str = "sign", block: int | None = 1024,
        clipping: float = 0.0, warmup_dtype: str = "fp32", feedback: bool = True,
        pieces: int | None = None, model_group: Group | None = None,
        counted: Callable[[Tensor], bool] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, bias_correction, denominator_floor
        )  # fmt: skip
        self.group, self.model_group, self.clipping = group, model_group, clipping
        self.ranks = world(group)[1]
        self.dense = DenseMean(group, warmup_dtype)
        written = make_codec(codec, None if codec in ("bf16", "fp16", "identity") else block)
        self.mean = TwoPhaseMean(
            self.fused.numel, written, group, self.device, self.dtype,
            feedback=feedback, pieces=pieces,
        )  # fmt: skip
        self.kappa = 1.0
        self.last_norm = 0.0
        self.skipped = False
        owned = self.mean.chunk if self.split else slice(0, self.fused.numel)
        self._allocate(self.mean.padded, owned)
        self._counted = [
            slice(start, start + numel)
            for parameter, start, numel in self.slots()
            if counted is not None and counted(parameter)
        ]
        self._counts_all = counted is None

    @property
    def sent(self) -> int:
        """Bytes sent by this rank so far, the few of the norms left out."""
        return self.mean.sent + self.dense.sent

    @property
    def overflow(self) -> bool:
        """`skipped`, by the name by which DeepSpeed counts such a step and holds the schedule."""
        return self.skipped

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from p.grad; closures are not taken."""
        gradient = self._gather()
        self._check()
        whole = squares(gradient)
        mine = torch.stack([whole if self._counts_all else self._count(gradient, 0), whole])
        sums, everything = self._over_model(self._over_ranks(mine)).tolist()
        local = math.sqrt(sums / self.ranks)
        self.last_norm = local
        self.skipped = not math.isfinite(everything)
        if self.skipped or (self.steps == 0 and everything == 0):
            return
        self.steps += 1
        self._advance(gradient, local)

    def _advance(self, gradient: Tensor, local: float) -> None:
        """One update from this rank's gradient (padded,), all finite; it may be overwritten.

        `local` is the root mean square over ranks of the norms of their gradients.
        """
        raise NotImplementedError

    def _check(self) -> None:
        if any(parameter.dtype != self.dtype for parameter in self.parameters()):
            raise ValueError(f"parameters are updated in {self.dtype}: 16 bits need masters")

    def _count(self, values: Tensor, start: int) -> Tensor:
        """The sum of squares (scalar) of counted elements; `values` stand from `start` on."""
        if self._counts_all:
            return squares(values)
        stop = start + len(values)
        places = [slice(max(p.start, start), min(p.stop, stop)) for p in self._counted]
        found = [
            squares(values[p.start - start : p.stop - start]) for p in places if p.start < p.stop
        ]
        return torch.stack(found).sum() if found else squares(values[:0])

    def _over_ranks(self, numbers: Tensor) -> Tensor:
        """Their sum over the group, in place."""
        if self.ranks > 1:
            dist.all_reduce(numbers, group=self.group)
        return numbers

    def _over_model(self, numbers: Tensor) -> Tensor:
        """Their sum over the ranks that hold one model together, in place."""
        if self.model_group is not None:
            dist.all_reduce(numbers, group=self.model_group)
        return numbers

    def _dense(self, gradient: Tensor, local: float) -> Tensor:
        """The mean gradient of the owned elements, uncompressed and clipped."""
        mean = self._average(gradient)
        norm = math.sqrt(self._over_model(self._squares_of_mean(mean)).item())
        self.kappa = local / norm if norm > 0 else self.kappa
        self.last_norm = norm
        return self._clip(mean, norm, self.clipping)

    def _average(self, gradient: Tensor) -> Tensor:
        return self.dense(gradient)[: self.fused.numel]

    def _squares_of_mean(self, mean: Tensor) -> Tensor:
        return self._count(mean, 0)

    def _local(self, gradient: Tensor, local: float) -> Tensor:
        """This rank's gradient (numel,) times the clipping factor that all ranks share."""
        return self._clip(gradient[: self.fused.numel], local, self.clipping * self.kappa)

    def _clip(self, gradient: Tensor, norm: float, limit: float) -> Tensor:
        if self.clipping and norm > limit:
            gradient.mul_(min(limit / (norm + 1e-6), 1.0))
        return gradient

    def _send_momentum(self, gradient: Tensor) -> None:
        """m <- error-feedback mean of beta1 m + (1 - beta1) g_i, the same bits on each rank."""
        values = torch.lerp(self.exp_avg, gradient, 1 - self._beta1, out=gradient)
        self.mean(values, out=self._momentum).index_fill_(0, self._frozen().still, 0)
        self.weight1 = self._beta1 * self.weight1 + (1 - self._beta1)

    def settle(self) -> None:
        """Brings ranks together before evaluating or saving; most optimizers never part them."""

    def per_rank(self) -> dict[str, Tensor]:
        """Flat views (numel,) that differ by rank; on other ranks each takes the old ones' mean."""
        return {"worker_error": self.mean.worker_error[: self.fused.numel]}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """Flat views of which each rank has a part, and where it starts in the fused buffer."""
        return {"server_error": self._part(self.mean.server_error)}

    def _part(self, chunk: Tensor) -> tuple[Tensor, int]:
        """A chunk less its padding, and its start."""
        start = min(self.mean.chunk.start, self.fused.numel)
        return chunk[: self.fused.numel - start], start

    def shared(self) -> dict[str, Tensor]:
        """Small tensors that are equal on all ranks."""
        return {}

    def counters(self) -> dict[str, Any]:
        """As in MomentOptimizer, with what clipping measured."""
        return super().counters() | {"kappa": self.kappa}

    def load_counters(self, found: dict[str, Any]) -> None:
        """As in MomentOptimizer."""
        super().load_counters(found)
        self.kappa = found["kappa"]


def squares(values: Tensor) -> Tensor:
    """The sum of squares in float64 (scalar), finite only where all values are.

    By rows: one float32 norm over millions loses digits, and a float64 one is slow on CPUs.
    """
    whole = values.numel() // 1024 * 1024
    rows = torch.linalg.vector_norm(values[:whole].view(-1, 1024), dim=1)
    rest = torch.linalg.vector_norm(values[whole:])
    return rows.double().square().sum() + rest.double().square()
