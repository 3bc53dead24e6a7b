"""1-bit LAMB: LAMB until a step, then its momentum in one bit an element and ratios carried on."""

from typing import Any

import torch
from torch import Tensor

from zoo.compression.optimizers.communicating import Communicating


class OneBitLamb(Communicating):
    """Li et al. 2021 (arXiv 2104.06069), algorithm 1; DeepSpeed's runtime/fp16/onebit/lamb.py.

    The first `freeze_step` steps are LAMB over a dense mean, its ratio |p| / |update| within
    [`min_coeff`, `max_coeff`], and a running mean (`coeff_beta`) of each tensor's ratio is kept.
    Afterwards the variance and that mean stay as they are. The momentum is sent as in 1-bit Adam; a
    variance that goes on from the gradients that it implies gives each tensor a factor, at most a
    share of `factor_threshold` away from the last one and within [`factor_min`, `factor_max`].

    Unlike DeepSpeed's: scales are of blocks, so momenta need no common magnitude; with
    `bias_correction` the running mean of ratios is corrected as well; a tensor whose ratio was
    always 1 keeps 1 (DeepSpeed's coefficient was then 0 and the tensor stood still for ever). There
    is no ZeRO-1 form: the ratios are norms of whole tensors, and no rank would have one.
    `communication` is what Communicating takes.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, bias_correction: bool = True,
        freeze_step: int = 100000, max_coeff: float = 10.0, min_coeff: float = 0.01,
        coeff_beta: float = 0.9, factor_max: float = 4.0, factor_min: float = 0.5,
        factor_threshold: float = 0.1, **communication: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
            bias_correction=bias_correction, **communication,
        )  # fmt: skip
        if freeze_step < 1:
            raise ValueError(f"a variance is measured before it freezes: freeze_step {freeze_step}")
        self.freeze_step = freeze_step
        self.max_coeff, self.min_coeff, self.coeff_beta = max_coeff, min_coeff, coeff_beta
        self.factor_max, self.factor_min = factor_max, factor_min
        self.factor_threshold = factor_threshold
        tensors = len(self.fused.slots)
        self.coefficient = torch.zeros(tensors, dtype=self.dtype, device=self.device)
        self.coefficient_weight = torch.zeros_like(self.coefficient)
        self.factor = torch.ones_like(self.coefficient)
        self.fresh_weight = 0.0

    def _allocate(self, padded: int, owned: slice) -> None:
        self._fresh = torch.zeros(self.fused.numel, dtype=self.dtype, device=self.device)
        super()._allocate(padded, owned)

    def _states(self) -> list[dict[str, Tensor]]:
        fresh = self.fused.views(self._fresh)
        pairs = zip(super()._states(), fresh, strict=True)
        return [state | {"exp_avg_sq_fresh": view} for state, view in pairs]

    @property
    def phase(self) -> str:
        """What the next step is."""
        return "dense" if self.steps < self.freeze_step else "compressed"

    def _advance(self, gradient: Tensor, local: float) -> None:
        if self.steps <= self.freeze_step:
            self._dense_step(gradient, local)
            return
        before = self.exp_avg.clone()
        self._send_momentum(self._local(gradient, local))
        implied = (self.exp_avg - before.mul_(self._beta1)).div_(1 - self._beta1)
        self._fresh.mul_(self._beta2).addcmul_(implied, implied, value=1 - self._beta2)
        self.fresh_weight = self._beta2 * self.fresh_weight + (1 - self._beta2)
        self._frozen_move()

    def _dense_step(self, gradient: Tensor, local: float) -> None:
        mean = self._dense(gradient, local)
        self._update_momentum(mean)
        self._update_variance(mean)
        _, decayed = self._updates(self._denominator())
        ratios = torch.stack(
            [self._ratio(p, u) for p, u in zip(self.parameters(), decayed, strict=True)]
        )
        counts = (ratios != 1).to(self.dtype) * (1 - self.coeff_beta)
        self.coefficient.mul_(1 - counts).add_(counts * ratios)
        self.coefficient_weight.mul_(1 - counts).add_(counts)
        self._walk(decayed, ratios)
        if self.steps == self.freeze_step:
            self._fresh.copy_(self.exp_avg_sq)
            self.fresh_weight = self.weight2

    def _ratio(self, parameter: Tensor, update: Tensor) -> Tensor:
        """|p| / |u| within its bounds; 1 where a norm is 0."""
        above, below = parameter.norm(), update.norm()
        ratio = (above / below).clamp(self.min_coeff, self.max_coeff)
        return torch.where((above > 0) & (below > 0), ratio, torch.ones_like(ratio))

    def _updates(self, denominator: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """m / denominator by parameter, without and with decay."""
        bare = self.fused.views((self.exp_avg / denominator).div_(self._fix(self.weight1)))
        decays = [group["weight_decay"] for group in self.param_groups for _ in group["params"]]
        triples = zip(self.parameters(), bare, decays, strict=True)
        return bare, [torch.add(u, p, alpha=decay) if decay else u for p, u, decay in triples]

    def _frozen_move(self) -> None:
        frozen = self._frozen()
        bare, decayed = self._updates(frozen.denominator)
        fresh = frozen.floor.lift(self._roots(self._fresh, self.fresh_weight))
        fresh.add_(self.param_groups[0]["eps"])
        ratios = (frozen.denominator / fresh).index_fill_(0, frozen.still, 0)
        largest = torch.stack([ratio.amax() for ratio in self.fused.views(ratios)])
        share = torch.stack([_share(*pair) for pair in zip(bare, decayed, strict=True)])
        wanted = largest * share + 1 - share
        wanted = wanted.clamp(self.factor_min, self.factor_max)
        reach = self.factor_threshold
        self.factor = wanted.clamp(self.factor * (1 - reach), self.factor * (1 + reach))
        self._walk(decayed, self._coefficients() * self.factor)

    def _coefficients(self) -> Tensor:
        """Each tensor's frozen ratio."""
        seen = self.coefficient_weight > 0
        weight = self.coefficient_weight if self.bias_correction else torch.ones_like(self.factor)
        return torch.where(seen, self.coefficient / weight, torch.ones_like(self.factor))

    def _walk(self, updates: list[Tensor], ratios: Tensor) -> None:
        """p <- p - lr ratio u."""
        rates = [group["lr"] for group in self.param_groups for _ in group["params"]]
        moves = zip(self.parameters(), updates, ratios, rates, strict=True)
        for parameter, update, ratio, rate in moves:
            parameter.sub_(update * (ratio * rate))

    def shared(self) -> dict[str, Tensor]:
        """By parameter, in the order of slots()."""
        return {
            "coefficient": self.coefficient,
            "coefficient_weight": self.coefficient_weight,
            "factor": self.factor,
        }

    def counters(self) -> dict[str, Any]:
        """As in Communicating, with the weight of the variance that goes on."""
        return super().counters() | {"phase": self.phase, "fresh_weight": self.fresh_weight}

    def load_counters(self, found: dict[str, Any]) -> None:
        """As in Communicating."""
        super().load_counters(found)
        self.fresh_weight = found["fresh_weight"]


def _share(bare: Tensor, decayed: Tensor) -> Tensor:
    """How much of the update is not decay, at most 1."""
    below = decayed.norm()
    share = (bare.norm() / below).clamp(max=1.0)
    return torch.where(below > 0, share, torch.ones_like(share))
