"""The optimizers that torch has not, or not in a form that ZeRO's flat partitions and CPUs can run.

Lion and Adagrad are elementwise; Lamb and Muon look at whole matrices and so need ZeRO stage 0.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Elementwise(Optimizer):
    """The loop that the four share: state made at the first step, one `update` a parameter."""

    state_names: tuple[str, ...] = ()

    def __init__(self, params: Any, **defaults: Any) -> None:
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient; closures are not taken."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    if not state:
                        state["step"] = torch.tensor(0.0)
                        state |= {name: torch.zeros_like(parameter) for name in self.state_names}
                    state["step"] += 1
                    self.update(parameter, parameter.grad, state, group)

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Tensor], group: Any) -> None:
        """One parameter's update, in place."""
        raise NotImplementedError


class Lion(Elementwise):
    """Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2."""

    state_names = ("exp_avg",)

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Tensor], group: Any) -> None:
        beta1, beta2 = group["betas"]
        direction = state["exp_avg"].lerp(grad, 1 - beta1).sign_()
        p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=group["lr"])
        state["exp_avg"].lerp_(grad, 1 - beta2)


class Adagrad(Elementwise):
    """Duchi et al. 2011; DeepSpeed replaces torch's class under ZeRO and loses its groups, so
    ours.
    """

    state_names = ("sum",)

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Tensor], group: Any) -> None:
        if group["weight_decay"]:
            grad = grad.add(p, alpha=group["weight_decay"])
        state["sum"].addcmul_(grad, grad)
        p.addcdiv_(grad, state["sum"].sqrt().add_(group["eps"]), value=-group["lr"])


class Lamb(Elementwise):
    """You et al. 2020, Large Batch Optimization for Deep Learning, algorithm 2, with DeepSpeed's
    bounds.

    The ratio |p| / |update| of each matrix is kept within [min_coeff, max_coeff].
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Tensor], group: Any) -> None:
        beta1, beta2 = group["betas"]
        state["exp_avg"].lerp_(grad, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        fix1, fix2 = 1.0, 1.0
        if group["bias_correction"]:
            fix1, fix2 = 1 - beta1 ** state["step"].item(), 1 - beta2 ** state["step"].item()
        change = (state["exp_avg"] / fix1) / ((state["exp_avg_sq"] / fix2).sqrt() + group["eps"])
        change = change.add_(p, alpha=group["weight_decay"])
        weight, size = p.norm(), change.norm()
        ratio = (weight / size).clamp_(group["min_coeff"], group["max_coeff"])
        ratio = torch.where((weight > 0) & (size > 0), ratio, torch.ones_like(ratio))
        p.sub_(change * (ratio * group["lr"]))


class Muon(Elementwise):
    """Jordan et al. 2024: orthogonalised momentum for hidden matrices, AdamW (group `use_muon`
    false) elsewhere.

    The update is scaled by sqrt(max(1, rows / columns)) as in the reference and in DeepSpeed.
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Tensor], group: Any) -> None:
        p.mul_(1 - group["lr"] * group["weight_decay"])
        if group["use_muon"]:
            state["exp_avg"].lerp_(grad, 1 - group["momentum"])
            ahead = grad.lerp(state["exp_avg"], group["momentum"]) if group["nesterov"] else None
            flat = (state["exp_avg"] if ahead is None else ahead).flatten(1)
            scale = max(1.0, flat.shape[0] / flat.shape[1]) ** 0.5
            change = orthogonal(flat, group["ns_steps"]).view_as(p)
            p.sub_(change, alpha=group["lr"] * scale)
            return
        beta1, beta2 = group["betas"]
        state["exp_avg"].lerp_(grad, 1 - beta1)
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        fix1, fix2 = 1 - beta1 ** state["step"].item(), 1 - beta2 ** state["step"].item()
        root = (state["exp_avg_sq"] / fix2).sqrt_().add_(group["eps"])
        p.addcdiv_(state["exp_avg"], root, value=-group["lr"] / fix1)


def orthogonal(matrix: Tensor, steps: int) -> Tensor:
    """The nearest semi-orthogonal matrix by Newton-Schulz (quintic coefficients of the Muon
    reference).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def muon_settings(params: dict[str, Any], hidden_matrix: bool) -> dict[str, Any]:
    """A parameter's side of Muon, and the rate that DeepSpeed's `muon_lr` or `adam_lr` gives it."""
    lr = params.get("muon_lr" if hidden_matrix else "adam_lr")
    return {"use_muon": hidden_matrix} | ({} if lr is None else {"lr": lr})
