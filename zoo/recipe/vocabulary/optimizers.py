"""Optimizers: their parameters, and what others ask about them."""

from typing import Any

from zoo.recipe.spec.optimizer import OptimizerSpec
from zoo.recipe.vocabulary.parameters import (
    AMOUNT,
    BETAS,
    MOMENTUM,
    POSITIVE,
    STEPS,
    SWITCH,
    WHOLE_STEPS,
    Node,
    Parameter,
    _whole,
)


def _adam() -> dict[str, Parameter]:
    return {
        "lr": Parameter(AMOUNT, 1e-3),
        "betas": Parameter(BETAS, [0.9, 0.999]),
        "eps": Parameter(AMOUNT, 1e-8),
        "weight_decay": Parameter(AMOUNT, 0.0),
        "amsgrad": Parameter(SWITCH, False),
        # Adam in DeepSpeed is AdamW unless adam_w_mode is false.
        "adam_w_mode": _whole(SWITCH, True),
        # Which implementation DeepSpeed would take; the mathematics is the same.
        "torch_adam": _whole(SWITCH, False),
    }


def _one_bit(**more: Parameter) -> dict[str, Parameter]:
    """What DeepSpeed's 1-bit optimizers took, and what ours take beside it."""
    return {
        "lr": Parameter(AMOUNT, 1e-3),
        "betas": _whole(BETAS, [0.9, 0.999]),
        "eps": _whole(AMOUNT, 1e-8),
        "weight_decay": Parameter(AMOUNT, 0.0),
        # Real here; DeepSpeed's read it and corrected nothing.
        "bias_correction": _whole(SWITCH, True),
        # Frozen denominators are at least this share of their block's root mean square.
        "denominator_floor": _whole(AMOUNT, 0.1),
        # How whole gradients travel before the freeze.
        "warmup_dtype": _whole({"enum": ["fp32", "bf16"]}, "fp32"),
        **more,
        **{name: _whole(node) for name, node in WITHOUT_EFFECT.items()},
    }


# Words of DeepSpeed's 1-bit optimizers that change nothing here.
WITHOUT_EFFECT: dict[str, Node] = {
    "comm_backend_name": {"enum": ["nccl", "mpi", "hccl", "compressed", "gloo"]},
    "cuda_aware": SWITCH,
    "eps_inside_sqrt": SWITCH,
    "amsgrad": {"const": False},
}


OPTIMIZERS: dict[str, dict[str, Parameter]] = {
    "AdamW": _adam(),
    "Adam": _adam(),
    "SGD": {
        "lr": Parameter(AMOUNT, 1e-3),
        "momentum": Parameter(MOMENTUM, 0.0),
        "dampening": Parameter(AMOUNT, 0.0),
        "weight_decay": Parameter(AMOUNT, 0.0),
        "nesterov": Parameter(SWITCH, False),
    },
    "Lamb": {
        "lr": Parameter(AMOUNT, 1e-3),
        "bias_correction": _whole(SWITCH, True),
        "betas": Parameter(BETAS, [0.9, 0.999]),
        "eps": Parameter(AMOUNT, 1e-8),
        "weight_decay": Parameter(AMOUNT, 0.0),
        "max_coeff": Parameter(POSITIVE, 10.0),
        "min_coeff": Parameter(AMOUNT, 0.01),
    },
    "Lion": {
        "lr": Parameter(AMOUNT, 1e-3),
        "betas": Parameter(BETAS, [0.9, 0.999]),
        "weight_decay": Parameter(AMOUNT, 0.0),
    },
    "Adagrad": {
        "lr": Parameter(AMOUNT, 1e-2),
        "weight_decay": Parameter(AMOUNT, 0.0),
        "eps": Parameter(AMOUNT, 1e-10),
    },
    "Muon": {
        "lr": Parameter(AMOUNT, 0.02),
        # DeepSpeed: muon_lr and adam_lr override lr for its matrices and for all the rest.
        "muon_lr": _whole(AMOUNT),
        "adam_lr": _whole(AMOUNT),
        "momentum": Parameter(MOMENTUM, 0.95),
        "nesterov": _whole(SWITCH, True),
        "ns_steps": _whole({"type": "integer", "minimum": 1}, 5),
        # Two ways to compute the same iteration: taken, without effect.
        "ns_method": _whole({"enum": ["gram", "standard"]}, "gram"),
        "betas": Parameter(BETAS, [0.9, 0.95]),
        "eps": Parameter(AMOUNT, 1e-10),
        "weight_decay": Parameter(AMOUNT, 0.0),
    },
    "OneBitAdam": _one_bit(
        freeze_step=_whole(STEPS, 100000),
        # How owners send parameters down under ZeRO 1.
        parameter_codec=_whole({"enum": ["bf16", "int8", "sign"]}, "bf16"),
    ),
    "ZeroOneAdam": _one_bit(
        var_freeze_step=_whole(STEPS, 100000),
        var_update_scaler=_whole(WHOLE_STEPS, 16),
        local_step_scaler=_whole(WHOLE_STEPS, 32678),
        local_step_clipper=_whole(WHOLE_STEPS, 16),
    ),
    "OneBitLamb": _one_bit(
        freeze_step=_whole(STEPS, 100000),
        max_coeff=_whole(POSITIVE, 10.0),
        min_coeff=_whole(AMOUNT, 0.01),
        coeff_beta=_whole(MOMENTUM, 0.9),
        factor_max=_whole(POSITIVE, 4.0),
        factor_min=_whole(POSITIVE, 0.5),
        factor_threshold=_whole(POSITIVE, 0.1),
    ),
}


COMMUNICATING = ("OneBitAdam", "ZeroOneAdam", "OneBitLamb")
"""Optimizers that average over the data ranks themselves."""


# Optimizers that a reader of DeepSpeed's documents may ask for, and what to take meanwhile.
ELSEWHERE = {
    "Adafactor": ("its factored state has no shape that a checkpoint of any layout holds", "AdamW"),
    "FusedAdam": ("DeepSpeed's name of it is AdamW", "AdamW"),
    "CPUAdam": ("DeepSpeed's name of it is AdamW; with optimizer offload it is taken", "AdamW"),
}


def canonical(name: str) -> str:
    """The spelling of an optimizer's name that the tables use; an unknown name as it is."""
    return next((known for known in OPTIMIZERS if known.casefold() == name.casefold()), name)


def algorithm(optimizer: OptimizerSpec) -> str:
    """The optimizer that really runs: DeepSpeed's Adam is AdamW unless adam_w_mode is false."""
    if optimizer.type == "Adam" and optimizer.params.get("adam_w_mode", True):
        return "AdamW"
    return optimizer.type


def hyper_parameters(optimizer: OptimizerSpec, changes: dict[str, Any]) -> dict[str, Any]:
    """All parameters of the optimizer, DeepSpeed's defaults filled in, then `changes` on top."""
    table = OPTIMIZERS[optimizer.type]
    values = {name: entry.default for name, entry in table.items() if entry.default is not None}
    if algorithm(optimizer) == "AdamW" and optimizer.params.get("torch_adam"):
        values["weight_decay"] = 0.01  # torch.optim.AdamW's default, which DeepSpeed takes then
    return {**values, **optimizer.params, **changes}
