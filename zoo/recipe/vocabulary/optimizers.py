"""The optimizers by name, in DeepSpeed's and torch's words; elementwise and whole-matrix ones here.

Those that send one bit an element are in `one_bit`.
"""

from typing import Any

from zoo.recipe.spec.optimizer import OptimizerSpec
from zoo.recipe.spec.words import UNIT
from zoo.recipe.vocabulary.one_bit import ONE_BIT
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.parameters import (
    AMOUNT,
    BETAS,
    MOMENTUM,
    POSITIVE,
    SWITCH,
    Parameter,
    Parameters,
    defaults,
)

PLAIN = "AdamW"
"""What goes with everything."""


def _in_groups(node: dict[str, Any], doc: str, default: Any) -> Parameter:
    return Parameter(node, doc, default, per_group=True)


def _lr(default: float) -> Parameter:
    return _in_groups(AMOUNT, "Learning rate at its peak; schedules multiply it.", default)


def _betas(second: float = 0.999) -> Parameter:
    return _in_groups(BETAS, "Decay of the first and of the second moment.", [0.9, second])


def _eps(default: float = 1e-8) -> Parameter:
    return _in_groups(AMOUNT, "Added to the denominator.", default)


DECAY = _in_groups(AMOUNT, "Weight decay; `weight_decay_on` says of which parameters.", 0.0)
MOMENTUM_OF = "Share of the old momentum that is kept in a step."


def _adam() -> Parameters:
    return {
        "lr": _lr(1e-3),
        "betas": _betas(),
        "eps": _eps(),
        "weight_decay": DECAY,
        "amsgrad": _in_groups(SWITCH, "Divide by the largest second moment so far.", False),
        "adam_w_mode": Parameter(SWITCH, "Decoupled decay; Adam with false couples it.", True),
        "torch_adam": Parameter(SWITCH, "DeepSpeed's word for torch's kernel: same update.", False),
    }


_KERNELS = ("torch_adam",)
_ADAM = "zoo.engines.update.optimizer:adam"
_SGD = "zoo.engines.update.optimizer:sgd"
_OURS = "zoo.engines.update.algorithms"

OPTIMIZERS: dict[str, Optimizer] = {
    "AdamW": Optimizer(
        "Adam with decoupled weight decay (arXiv:1711.05101).",
        _adam(),
        _ADAM,
        "adam",
        variance_may_freeze=True,
        kernels=_KERNELS,
        fixed={"adam_w_mode": True},
        torch_defaults={"weight_decay": 0.01},
    ),
    "Adam": Optimizer(
        "DeepSpeed's Adam: AdamW unless adam_w_mode is false (arXiv:1412.6980).",
        _adam(),
        _ADAM,
        "adam",
        variance_may_freeze=True,
        kernels=_KERNELS,
        alias=("adam_w_mode", "AdamW"),
    ),
    "SGD": Optimizer(
        "Stochastic gradient descent with momentum, as torch writes it.",
        {
            "lr": _lr(1e-3),
            "momentum": _in_groups(MOMENTUM, MOMENTUM_OF, 0.0),
            "dampening": _in_groups(AMOUNT, "Share of the gradient kept out of momentum.", 0.0),
            "weight_decay": DECAY,
            "nesterov": _in_groups(SWITCH, "Step along the momentum to come.", False),
        },
        _SGD,
        "sgd",
        moments=("momentum_buffer",),
        momentum_may_move=True,
    ),
    "Lamb": Optimizer(
        "Adam with a rate of its own for each matrix (arXiv:1904.00962).",
        {
            "lr": _lr(1e-3),
            "bias_correction": Parameter(SWITCH, "Correct the moments of the first steps.", True),
            "betas": _betas(),
            "eps": _eps(),
            "weight_decay": DECAY,
            "max_coeff": _in_groups(POSITIVE, "Largest ratio of weights' to update's norm.", 10.0),
            "min_coeff": _in_groups(AMOUNT, "Smallest ratio of weights' to update's norm.", 0.01),
        },
        f"{_OURS}:Lamb",
        "lamb",
        whole_matrices=True,
    ),
    "Lion": Optimizer(
        "The sign of an interpolated momentum (arXiv:2302.06675).",
        {"lr": _lr(1e-3), "betas": _betas(), "weight_decay": DECAY},
        f"{_OURS}:Lion",
        "lion",
        moments=("exp_avg",),
    ),
    "Adagrad": Optimizer(
        "Rates that fall with the sum of squared gradients (Duchi et al. 2011).",
        {"lr": _lr(1e-2), "weight_decay": DECAY, "eps": _eps(1e-10)},
        f"{_OURS}:Adagrad",
        "adagrad",
        moments=("sum",),
    ),
    "Muon": Optimizer(
        "Orthogonalised momentum for hidden matrices, AdamW for the rest (Jordan et al. 2024).",
        {
            "lr": _lr(0.02),
            "muon_lr": Parameter(AMOUNT, "Rate of the hidden matrices in place of lr."),
            "adam_lr": Parameter(AMOUNT, "Rate of everything else in place of lr."),
            "momentum": _in_groups(MOMENTUM, MOMENTUM_OF, 0.95),
            "nesterov": Parameter(SWITCH, "Step along the momentum to come.", True),
            "ns_steps": Parameter(
                {"type": "integer", "minimum": 1, UNIT: "iterations"},
                "Newton-Schulz iterations a step.",
                5,
            ),
            "ns_method": Parameter(
                {"enum": ["gram", "standard"]},
                "DeepSpeed's two ways to compute the same iteration: taken, without effect.",
                "gram",
            ),
            "betas": _betas(0.95),
            "eps": _eps(1e-10),
            "weight_decay": DECAY,
        },
        f"{_OURS}:Muon",
        "muon",
        whole_matrices=True,
        kernels=("ns_method", "muon_lr", "adam_lr"),
        each=f"{_OURS}:muon_settings",
        rates=("muon_lr", "adam_lr"),
    ),
    **ONE_BIT,
}

# Optimizers that a reader of DeepSpeed's documents may ask for, and what to take meanwhile.
ELSEWHERE = {
    "Adafactor": ("its factored state has no shape that a checkpoint of any layout holds", PLAIN),
    "FusedAdam": ("DeepSpeed's name of it is AdamW", PLAIN),
    "CPUAdam": ("DeepSpeed's name of it is AdamW; with optimizer offload it is taken", PLAIN),
}


def canonical(name: str) -> str:
    """The spelling of an optimizer's name that the tables use; an unknown name as it is."""
    return next((known for known in OPTIMIZERS if known.casefold() == name.casefold()), name)


def algorithm(optimizer: OptimizerSpec) -> str:
    """The optimizer that really runs: DeepSpeed's Adam is AdamW unless adam_w_mode is false."""
    alias = OPTIMIZERS[optimizer.type].alias
    if alias is None:
        return optimizer.type
    parameter, other = alias
    return other if optimizer.params.get(parameter, True) else optimizer.type


def hyper_parameters(optimizer: OptimizerSpec, changes: dict[str, Any]) -> dict[str, Any]:
    """All parameters of the optimizer, DeepSpeed's defaults filled in, then `changes` on top."""
    values = defaults(OPTIMIZERS[optimizer.type].parameters)
    if optimizer.params.get("torch_adam"):
        values |= OPTIMIZERS[algorithm(optimizer)].torch_defaults
    return {**values, **optimizer.params, **changes}
