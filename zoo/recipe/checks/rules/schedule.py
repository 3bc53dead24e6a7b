"""Rules about the learning-rate schedule: that its parts fit into the run, and into one another."""

import itertools
from typing import Any

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.derived.exchange import steps_of
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

PARAMS = "optimizer.scheduler.params"
WARMUP = f"{PARAMS}.warmup_num_steps"
MANY = 10**6
"""The length that stands for an unknown one where only shares of it are compared."""


def parameter(recipe: Recipe, name: str) -> Any:
    """A parameter of the schedule, or its default; None where it has none of this name."""
    scheduler = recipe.optimizer.scheduler
    if scheduler is None:
        return None
    known = SCHEDULERS[scheduler.type].parameters.get(name)
    return scheduler.params.get(name, known.default if known else None)


def warmup(recipe: Recipe) -> int:
    """The steps in which the learning rate grows; 0 without any, or while nobody knows."""
    count = parameter(recipe, "warmup_num_steps")
    return steps_of(count, recipe.run.steps or 0) if count else 0


def endless_warmup(recipe: Recipe) -> str:
    """A warm-up that the run does not live to see the end of."""
    warm, steps = warmup(recipe), recipe.run.steps
    return f"{warm} of {steps} steps" if steps and warm > steps else ""


def no_room_for_decay(recipe: Recipe) -> str:
    """A warm-up and a last fall that overlap."""
    warm, fall = parameter(recipe, "warmup_num_steps"), parameter(recipe, "decay_num_steps")
    total = _total(recipe, [warm, fall])
    if not (warm and fall and total) or steps_of(warm, total) + steps_of(fall, total) <= total:
        return ""
    return f"{brief(fall)} after {brief(warm)} of warm-up"


def nothing_to_fall_to(recipe: Recipe) -> str:
    """An exponential fall without an end."""
    exponential = parameter(recipe, "decay_type") == "exponential"
    return "0 with decay_type exponential" if exponential and not _least(recipe) else ""


def _least(recipe: Recipe) -> float:
    return float(parameter(recipe, "min_ratio") or 0)


def falling_rates(recipe: Recipe) -> str:
    """A cycle whose lowest rate is above its highest."""
    return _above(recipe, "cycle_min_lr", "cycle_max_lr")


def falling_momenta(recipe: Recipe) -> str:
    """A cycle whose lowest momentum is above its highest."""
    return _above(recipe, "cycle_min_mom", "cycle_max_mom")


def _above(recipe: Recipe, low: str, high: str) -> str:
    least, most = parameter(recipe, low), parameter(recipe, high)
    wrong = least is not None and most is not None and least > most
    return f"{least:g} above {high} {most:g}" if wrong else ""


def unordered_milestones(recipe: Recipe) -> str:
    """Milestones that do not rise, or that stand in the warm-up."""
    milestones = parameter(recipe, "milestones")
    warm = parameter(recipe, "warmup_num_steps")
    total = _total(recipe, [warm, *(milestones or ())])
    if not milestones or not total:
        return ""
    places = [steps_of(one, total) for one in milestones]
    start = steps_of(warm, total) if warm else 0
    if places[0] < start:
        return f"{brief(milestones)} with {start} steps of warm-up"
    rises = all(one < after for one, after in itertools.pairwise(places))
    return "" if rises else brief(milestones)


def one_rate(recipe: Recipe) -> str:
    """Rates that fall with depth under a schedule that has one for all."""
    decay, scheduler = recipe.optimizer.layer_decay, recipe.optimizer.scheduler
    equal = scheduler is not None and SCHEDULERS[scheduler.type].one_rate
    return f"{decay:g} with {scheduler.type}" if decay and scheduler and equal else ""


def _total(recipe: Recipe, counts: list[Any]) -> int:
    """A length in which counts may be compared; 0 where they wait for the data."""
    shares = all(isinstance(count, float) for count in counts if count)
    return recipe.run.steps or (MANY if shares else 0)


SCHEDULE_RULES = (
    Rule(
        "end of the warm-up",
        WARMUP,
        endless_warmup,
        "at most the steps of the run, or a share of them",
        "the rate would never reach its peak",
        f"{WARMUP}=0.1",
        beside=("run.steps",),
    ),
    Rule(
        "room for the fall",
        f"{PARAMS}.decay_num_steps",
        no_room_for_decay,
        "what the warm-up leaves of the run",
        "the two would overlap",
        beside=("run.steps", WARMUP),
    ),
    Rule(
        "end of the fall",
        f"{PARAMS}.min_ratio",
        nothing_to_fall_to,
        "a number above 0 and at most 1",
        "an exponential fall never reaches 0",
        f"{PARAMS}.min_ratio=0.05",
        beside=(f"{PARAMS}.decay_type",),
    ),
    Rule(
        "rates of a cycle",
        f"{PARAMS}.cycle_min_lr",
        falling_rates,
        "at most cycle_max_lr",
        "the cycle would stand upside down",
        beside=(f"{PARAMS}.cycle_max_lr",),
    ),
    Rule(
        "momenta of a cycle",
        f"{PARAMS}.cycle_min_mom",
        falling_momenta,
        "at most cycle_max_mom",
        "the cycle would stand upside down",
        beside=(f"{PARAMS}.cycle_max_mom",),
    ),
    Rule(
        "rates by depth",
        "optimizer.layer_decay",
        one_rate,
        "a schedule that multiplies each group's rate, such as WarmupCosineLR",
        "DeepSpeed's class sets the same rate in all groups",
        "optimizer.scheduler=false",
        beside=("optimizer.scheduler.type",),
    ),
    Rule(
        "milestones",
        f"{PARAMS}.milestones",
        unordered_milestones,
        "steps that rise, none of them in the warm-up",
        "each is a fall of the rate",
        beside=("run.steps", WARMUP),
    ),
)
