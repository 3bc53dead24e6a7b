"""Adam's two moments of all parameters in flat buffers, and how parameters move by them."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from zoo.compression.fused import Fused
from zoo.compression.optimizers.floor import Floor, Frozen


class MomentOptimizer(Optimizer):
    """What Adam with a variance that freezes needs: buffers, bias correction, denominators.

    All parameters stand in one flat buffer, group after group and in the order of each group; `lr`
    and `weight_decay` are read from their group at every step, `betas` and `eps` from the first.
    Bias correction is real: m / (1 - beta1^t), and v / (1 - beta2^T) for the T updates that v had.
    Without it nothing is corrected, as in DeepSpeed's old onebit optimizers.

    A frozen denominator is at least `denominator_floor` times the root mean square of its block,
    and an element whose variance is exactly 0 stays where it is, unless its group brings
    `exp_avg_mask` (1 moves, 0 stays). With a floor of 0 only the masks that were brought count.
    """

    def __init__(
        self, params: Any, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
        bias_correction: bool, denominator_floor: float,
    ) -> None:  # fmt: skip
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)
        if any((g["betas"], g["eps"]) != (betas, eps) for g in self.param_groups):
            raise ValueError("betas and eps are the same in all groups: one buffer holds them all")
        parameters = self.parameters()
        self.fused = Fused(parameters)
        double = any(p.dtype == torch.float64 for p in parameters)
        self.dtype = torch.float64 if double else torch.float32
        self.device = parameters[0].device
        self.bias_correction, self.denominator_floor = bias_correction, denominator_floor
        self.steps = 0
        self.weight1 = self.weight2 = 0.0  # of 1 in the two moments: 1 - beta^updates
        self._held: Frozen | None = None
        self._attached: list[int] = []

    def _allocate(self, padded: int, owned: slice) -> None:
        """Makes the buffers: a whole momentum, and the variance of the owned elements."""
        self.owned = owned
        self._momentum = torch.zeros(padded, dtype=self.dtype, device=self.device)
        self.exp_avg = self._momentum[: self.fused.numel]
        length = owned.stop - owned.start
        self.exp_avg_sq = torch.zeros(length, dtype=self.dtype, device=self.device)
        self._gradient = torch.zeros_like(self._momentum)
        self._attach()

    def parameters(self) -> list[Tensor]:
        """The parameters in the order of the buffer; engines may put fp32 masters in a group."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def _stretches(self) -> Iterator[tuple[dict[str, Any], slice]]:
        """Each group and its place in the fused buffer."""
        start = 0
        for group in self.param_groups:
            stop = start + sum(parameter.numel() for parameter in group["params"])
            yield group, slice(start, stop)
            start = stop

    def attached(self) -> dict[Tensor, dict[str, Tensor]]:
        """The moments of each parameter as views, also before the first step."""
        self._attach()
        return {parameter: self.state[parameter] for parameter in self.parameters()}

    def _attach(self) -> None:
        """Keeps `state` by parameter, also when an engine has replaced parameters by masters."""
        parameters = self.parameters()
        if self._attached != [id(parameter) for parameter in parameters]:
            self._attached = [id(parameter) for parameter in parameters]
            self.state.clear()
            for parameter, state in zip(parameters, self._states(), strict=True):
                self.state[parameter] = state

    def _states(self) -> list[dict[str, Tensor]]:
        pairs = zip(self.fused.views(self.exp_avg), self.fused.views(self.exp_avg_sq), strict=True)
        return [{"exp_avg": first, "exp_avg_sq": second} for first, second in pairs]

    def _gather(self) -> Tensor:
        """This rank's gradient in the fused buffer (padded,)."""
        self._attach()
        return self.fused.gather([p.grad for p in self.parameters()], self._gradient)

    @property
    def _beta1(self) -> float:
        return float(self.param_groups[0]["betas"][0])

    @property
    def _beta2(self) -> float:
        return float(self.param_groups[0]["betas"][1])

    def _fix(self, weight: float) -> float:
        """What a moment is divided by."""
        return weight if self.bias_correction else 1.0

    def _update_momentum(self, gradient: Tensor) -> None:
        """m <- beta1 m + (1 - beta1) g, of the owned elements."""
        self._momentum[self.owned].lerp_(gradient, 1 - self._beta1)
        self.weight1 = self._beta1 * self.weight1 + (1 - self._beta1)

    def _update_variance(self, gradient: Tensor) -> None:
        """v <- beta2 v + (1 - beta2) g^2, of the owned elements."""
        self.exp_avg_sq.mul_(self._beta2).addcmul_(gradient, gradient, value=1 - self._beta2)
        self.weight2 = self._beta2 * self.weight2 + (1 - self._beta2)
        self._held = None

    def _roots(self, variance: Tensor, weight: float) -> Tensor:
        """The root of a corrected variance."""
        return variance.sqrt().div_(math.sqrt(self._fix(weight)))

    def _denominator(self) -> Tensor:
        """The denominator while the variance is alive."""
        return self._roots(self.exp_avg_sq, self.weight2).add_(self.param_groups[0]["eps"])

    def _frozen(self) -> Frozen:
        """The frozen denominator: made from the variance when first asked for."""
        if self._held is None:
            roots = self._roots(self.exp_avg_sq, self.weight2)
            start, numel = self.owned.start, self.fused.numel
            floor = Floor(roots, start, numel, self.denominator_floor, self._add_up)
            lifted, still = floor.lift(roots.clone()), self._still()
            self._held = Frozen(
                floor=floor,
                still=self._everywhere(still)[:numel].nonzero().flatten(),
                lifted=int((lifted > roots).sum()),
                masked=int(still[: max(numel - start, 0)].sum()),
                denominator=lifted.add_(self.param_groups[0]["eps"]),
            )
        return self._held

    def _still(self) -> Tensor:
        """Which of the owned elements never move, as bytes."""
        still = (self.exp_avg_sq == 0) & (self.denominator_floor > 0)
        for group, place in self._stretches():
            if group.get("exp_avg_mask") is not None:
                mask = group["exp_avg_mask"].to(self.device)
                flat = torch.cat([mask.expand_as(p).reshape(-1) for p in group["params"]])
                start, stop = (max(place.start, self.owned.start), min(place.stop, self.owned.stop))
                if start < stop:
                    here = flat[start - place.start : stop - place.start]
                    still[start - self.owned.start : stop - self.owned.start] = here == 0
        return still

    def _add_up(self, sums: Tensor) -> Tensor:
        """Sums over the ranks that hold the rest of the variance: here there are none."""
        return sums

    def _everywhere(self, owned: Tensor) -> Tensor:
        """The whole of what ranks own parts of."""
        return owned

    def _rates(self) -> list[float]:
        """What each group's momentum counts in this step."""
        return [group["lr"] / self._fix(self.weight1) for group in self.param_groups]

    def _shrinks(self) -> list[float]:
        """What decoupled decay leaves of each group's parameters in this step."""
        return [1 - group["lr"] * group["weight_decay"] for group in self.param_groups]

    def _move(self, denominator: Tensor) -> None:
        """p <- (1 - lr wd) p - lr m / denominator: Adam with decoupled decay."""
        self._shift(denominator, self._rates(), self._shrinks())

    def _shift(self, denominator: Tensor, rates: list[float], shrinks: list[float]) -> None:
        """p <- shrink p - rate m / denominator, with each group's numbers."""
        momenta = iter(self.fused.views(self.exp_avg))
        roots = iter(self.fused.views(denominator))
        for group, rate, shrink in zip(self.param_groups, rates, shrinks, strict=True):
            for parameter in group["params"]:
                parameter.mul_(shrink).addcdiv_(next(momenta), next(roots), value=-rate)

    def slots(self) -> list[tuple[Tensor, int, int]]:
        """Parameter, its start in the fused buffer and its number of elements, in order."""
        places = zip(self.parameters(), self.fused.slots, strict=True)
        return [(parameter, start, numel) for parameter, (_, start, numel) in places]

    @property
    def frozen_counts(self) -> dict[str, int]:
        """How many of the elements held here the floor raised, and how many never move; of use
        once the variance is frozen, empty before.
        """
        held = self._held
        return {} if held is None else {"lifted": held.lifted, "masked": held.masked}

    def counters(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the tensors, equal on all ranks, ready for JSON."""
        return {"step": self.steps, "weight1": self.weight1, "weight2": self.weight2}

    def load_counters(self, found: dict[str, Any]) -> None:
        """Takes `counters()` of an earlier run; the tensors are written into their views."""
        self.steps = found["step"]
        self.weight1, self.weight2 = found["weight1"], found["weight2"]
        self._held = None

    def warm(self, updates: int, found: dict[str, Any]) -> None:
        """Goes on with moments that another run made in `updates` steps, once they are written into
        the views; `found` are its `counters()`, empty of another form. Steps count from 0.
        """
        self.weight1 = found.get("weight1", 1 - self._beta1**updates)
        self.weight2 = found.get("weight2", 1 - self._beta2**updates)
        self._held = None

    def load_state_dict(self, state_dict: Any) -> None:
        """Refused: it would put new tensors in the place of the views."""
        raise TypeError("write into the views of slots(), per_rank(), sharded() and shared()")
