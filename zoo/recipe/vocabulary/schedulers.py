"""The schedules by name: DeepSpeed's five, and five of the same form that it lacks.

`total_num_steps` and the peak rates follow from the run and from each group's lr.
"""

from dataclasses import dataclass
from typing import Any

from zoo.recipe.spec.words import UNIT
from zoo.recipe.vocabulary.parameters import (
    AMOUNT,
    MOMENTUM,
    POSITIVE,
    RATIO,
    STEPS,
    STEPS_OR_NONE,
    SWITCH,
    Node,
    Parameter,
    Parameters,
)


@dataclass(frozen=True)
class Schedule:
    """One learning-rate schedule, as everything but its own function knows it."""

    doc: str
    """What it does, in a line."""
    parameters: Parameters
    """What `optimizer.scheduler.params` may hold."""
    course: str
    """How the rate goes on once it has grown, or from the start where nothing says how it grows:
    words with parameters in braces."""
    factor: str = ""
    """`module:name` of the factor on each group's rate; without it the class is DeepSpeed's."""
    needs_total: bool = False
    """Takes `total_num_steps`, the length of the run."""
    peak: str = ""
    """DeepSpeed's parameter that would overwrite each group's own rate if nobody filled it in."""
    one_rate: bool = False
    """Sets one rate in all groups, whatever theirs are."""
    idle: int = 0
    """How many updates DeepSpeed's class makes at the rate that its warm-up starts from: it sets
    the rate after an update, from the number of the update before."""


COUNT: Node = {"type": "integer", "minimum": 0}
STAIRS: Node = {**COUNT, UNIT: "stairs"}
WARMUP_STEPS = Parameter(
    STEPS_OR_NONE, "Steps (or a share of the run) in which the rate grows; 0: it does not.", 1000
)
SHAPES: Node = {"enum": ["log", "linear"]}
GROWTH = "How the rate grows in the warm-up"
WARMUP_TYPE = Parameter(SHAPES, f"{GROWTH}.", "linear")
# DeepSpeed's default is `log`, which no published recipe means: it has to be written.
DEEPSPEED_WARMUP_TYPE = Parameter(SHAPES, f"{GROWTH}; DeepSpeed's default is log.", required=True)
FLOOR = Parameter(RATIO, "Smallest factor after the warm-up.", 0.0)
GAMMA = Parameter(AMOUNT, "Factor of each fall.", 0.1)


def _warmup(warmup_type: Parameter = WARMUP_TYPE, **more: Parameter) -> Parameters:
    return {
        "warmup_min_ratio": Parameter(RATIO, "Factor that the warm-up starts from.", 0.0),
        "warmup_num_steps": WARMUP_STEPS,
        "warmup_type": warmup_type,
        **more,
    }


def _deepspeed_warmup() -> Parameters:
    return {
        "warmup_min_lr": Parameter(AMOUNT, "Rate that the warm-up starts from.", 0.0),
        "warmup_num_steps": WARMUP_STEPS,
        "warmup_type": DEEPSPEED_WARMUP_TYPE,
    }


def _steps(doc: str, default: Any = None, required: bool = False) -> Parameter:
    return Parameter(STEPS, doc, default, required=required)


_OURS = "zoo.engines.update.schedule"

SCHEDULERS: dict[str, Schedule] = {
    "LRRangeTest": Schedule(
        "DeepSpeed's range test: the rate grows until training breaks.",
        {
            "lr_range_test_min_lr": Parameter(AMOUNT, "Rate to start from.", 1e-3),
            "lr_range_test_step_size": _steps("Steps of one stretch.", 2000),
            "lr_range_test_step_rate": Parameter(AMOUNT, "Growth of a stretch.", 1.0),
            "lr_range_test_staircase": Parameter(SWITCH, "Grow in steps.", False),
        },
        "grows from {lr_range_test_min_lr}, every {lr_range_test_step_size} by"
        " {lr_range_test_step_rate} times that",
        one_rate=True,
    ),
    "OneCycle": Schedule(
        "DeepSpeed's one cycle of rates and momenta, then decay (arXiv:1803.09820).",
        {
            "cycle_min_lr": Parameter(AMOUNT, "Lowest rate.", required=True),
            "cycle_max_lr": Parameter(AMOUNT, "Highest rate.", required=True),
            "decay_lr_rate": Parameter(AMOUNT, "Decay of the rate after the cycle.", 0.0),
            "cycle_first_step_size": _steps("Steps of the first half.", 2000),
            "cycle_second_step_size": _steps("Steps of the second half; absent: the first's."),
            "cycle_first_stair_count": Parameter(STAIRS, "Stairs of the first half.", 0),
            "cycle_second_stair_count": Parameter(STAIRS, "Stairs of the second half."),
            "decay_step_size": Parameter({**COUNT, UNIT: "steps"}, "Steps between two decays.", 0),
            "cycle_momentum": Parameter(SWITCH, "Momentum cycles against the rate.", True),
            "cycle_min_mom": Parameter(MOMENTUM, "Lowest momentum.", 0.8),
            "cycle_max_mom": Parameter(MOMENTUM, "Highest momentum.", 0.9),
            "decay_mom_rate": Parameter(AMOUNT, "Decay of momentum after the cycle.", 0.0),
        },
        "grows from {cycle_min_lr} to {cycle_max_lr} in {cycle_first_step_size}, and falls again",
        one_rate=True,
    ),
    "WarmupLR": Schedule(
        "Warm-up, then constant.",
        _deepspeed_warmup(),
        "stays",
        peak="warmup_max_lr",
        idle=2,
    ),
    "WarmupDecayLR": Schedule(
        "Warm-up, then linear to 0 at the end of the run.",
        _deepspeed_warmup(),
        "falls in a line to 0 at the end",
        needs_total=True,
        peak="warmup_max_lr",
        idle=2,
    ),
    "WarmupCosineLR": Schedule(
        "Warm-up, then a half cosine over the run.",
        _warmup(DEEPSPEED_WARMUP_TYPE, cos_min_ratio=Parameter(RATIO, "Factor at the end.", 1e-4)),
        "falls as half a cosine to {cos_min_ratio} times that at the end",
        needs_total=True,
        idle=2,
    ),
    "WarmupMultiStepLR": Schedule(
        "Warm-up, then a fall at each milestone.",
        _warmup(
            milestones=Parameter(
                {"type": "array", "items": STEPS, "minItems": 1},
                "Steps (or shares of the run) of the falls.",
                required=True,
            ),
            gamma=GAMMA,
            min_ratio=FLOOR,
        ),
        "becomes {gamma} times that at {milestones}",
        f"{_OURS}:multi_step",
    ),
    "WarmupStepLR": Schedule(
        "Warm-up, then a fall every so many steps.",
        _warmup(
            step_size=_steps("Steps between two falls.", required=True),
            gamma=GAMMA,
            min_ratio=FLOOR,
        ),
        "becomes {gamma} times that every {step_size}",
        f"{_OURS}:every_step",
    ),
    "WarmupInverseSqrtLR": Schedule(
        "Noam: falls with the square root of the step (arXiv:1706.03762, equation 3).",
        _warmup(min_ratio=FLOOR),
        "falls with the square root of the step",
        f"{_OURS}:inverse_sqrt",
    ),
    "WarmupPolynomialLR": Schedule(
        "Falls with a power, at the end of the run to 0 or to a share.",
        _warmup(
            power=Parameter(POSITIVE, "1 is linear.", 1.0),
            end_ratio=Parameter(RATIO, "Factor at the end of the run.", 0.0),
            min_ratio=FLOOR,
        ),
        "falls with the power {power} to {end_ratio} times that at the end",
        f"{_OURS}:polynomial",
        needs_total=True,
    ),
    "WarmupStableDecayLR": Schedule(
        "Constant, then a fall over the last steps.",
        _warmup(
            decay_num_steps=_steps("Steps of the last fall.", required=True),
            decay_type=Parameter(
                {"enum": ["linear", "exponential"]},
                "Linear to 0, or exponential to min_ratio.",
                "linear",
            ),
            min_ratio=FLOOR,
        ),
        "stays, and falls over the last {decay_num_steps} ({decay_type})",
        f"{_OURS}:stable_decay",
        needs_total=True,
    ),
}
