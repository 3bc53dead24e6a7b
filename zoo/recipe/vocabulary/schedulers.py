"""Schedules: their parameters, and what others ask about them."""

from zoo.recipe.vocabulary.parameters import (
    AMOUNT,
    MOMENTUM,
    POSITIVE,
    RATIO,
    STEPS,
    SWITCH,
    WARMUP_TYPE,
    Parameter,
    _whole,
)


def _warmup(**more: Parameter) -> dict[str, Parameter]:
    return {
        "warmup_min_ratio": _whole(RATIO, 0.0),
        "warmup_num_steps": _whole(STEPS, 1000),
        "warmup_type": _whole(WARMUP_TYPE, "log"),
        **more,
    }


def _deepspeed_warmup() -> dict[str, Parameter]:
    return {
        "warmup_min_lr": _whole(AMOUNT, 0.0),
        "warmup_num_steps": _whole(STEPS, 1000),
        "warmup_type": _whole(WARMUP_TYPE, "log"),
    }


MIN_RATIO = _whole(RATIO, 0.0)


MILESTONES = _whole({"type": "array", "items": STEPS, "minItems": 1})


# `total_num_steps` and `warmup_max_lr` follow from the run and from each group's lr.
SCHEDULERS: dict[str, dict[str, Parameter]] = {
    "LRRangeTest": {
        "lr_range_test_min_lr": _whole(AMOUNT, 1e-3),
        "lr_range_test_step_size": _whole(STEPS, 2000),
        "lr_range_test_step_rate": _whole(AMOUNT, 1.0),
        "lr_range_test_staircase": _whole(SWITCH, False),
    },
    "OneCycle": {
        "cycle_min_lr": _whole(AMOUNT),
        "cycle_max_lr": _whole(AMOUNT),
        "decay_lr_rate": _whole(AMOUNT, 0.0),
        "cycle_first_step_size": _whole(STEPS, 2000),
        "cycle_second_step_size": _whole(STEPS),
        "cycle_first_stair_count": _whole({"type": "integer", "minimum": 0}, 0),
        "cycle_second_stair_count": _whole({"type": "integer", "minimum": 0}),
        "decay_step_size": _whole({"type": "integer", "minimum": 0}, 0),
        "cycle_momentum": _whole(SWITCH, True),
        "cycle_min_mom": _whole(MOMENTUM, 0.8),
        "cycle_max_mom": _whole(MOMENTUM, 0.9),
        "decay_mom_rate": _whole(AMOUNT, 0.0),
    },
    "WarmupLR": _deepspeed_warmup(),
    "WarmupDecayLR": _deepspeed_warmup(),
    "WarmupCosineLR": _warmup(cos_min_ratio=_whole(RATIO, 1e-4)),
    "WarmupMultiStepLR": _warmup(
        milestones=MILESTONES, gamma=_whole(AMOUNT, 0.1), min_ratio=MIN_RATIO
    ),
    "WarmupStepLR": _warmup(
        step_size=_whole(STEPS), gamma=_whole(AMOUNT, 0.1), min_ratio=MIN_RATIO
    ),
    "WarmupInverseSqrtLR": _warmup(min_ratio=MIN_RATIO),
    "WarmupPolynomialLR": _warmup(power=_whole(POSITIVE, 1.0), min_ratio=MIN_RATIO),
    "WarmupStableDecayLR": _warmup(decay_num_steps=_whole(STEPS), min_ratio=MIN_RATIO),
}


REQUIRED = {
    "OneCycle": ("cycle_min_lr", "cycle_max_lr"),
    "WarmupMultiStepLR": ("milestones",),
    "WarmupStepLR": ("step_size",),
    "WarmupStableDecayLR": ("decay_num_steps",),
}


NEEDS_TOTAL = ("WarmupDecayLR", "WarmupCosineLR", "WarmupPolynomialLR", "WarmupStableDecayLR")
