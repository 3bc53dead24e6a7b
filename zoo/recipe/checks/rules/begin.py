"""Rules about when compression begins, which three keys say: before the end, after the warm-up."""

from collections.abc import Callable

from zoo.recipe.checks.rules.rule import Rule, Say
from zoo.recipe.checks.rules.schedule import WARMUP, warmup
from zoo.recipe.derived.exchange import (
    averages_itself,
    begin_key,
    begin_keys,
    freezes_variance,
    optimizer_of,
    replaces_momentum,
    steps_before,
)
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.optimizers import hyper_parameters


def begin(recipe: Recipe, key: str) -> int:
    """The last step before compression, if `key` says it and the run's length is known; else 0.

    A compressor of SGD's momentum leaves entries out from the first step on.
    """
    said = key == begin_key(recipe) and not replaces_momentum(recipe)
    return steps_before(recipe, recipe.run.steps) if said and recipe.run.steps else 0


def never(key: str) -> Say:
    """Whether a run ends before anything is compressed."""

    def found(recipe: Recipe) -> str:
        last, steps = begin(recipe, key), recipe.run.steps or 0
        dense = last
        early = optimizer_of(recipe).sends_early
        if last and early:  # between its updates gradients are compressed before it
            dense = min(last, hyper_parameters(recipe.optimizer, {})[early])
        return f"{last} of {steps} steps" if last and dense >= steps else ""

    return found


def early(key: str) -> Say:
    """Whether a variance freezes while the learning rate still grows."""

    def found(recipe: Recipe) -> str:
        last, steps = begin(recipe, key), warmup(recipe)
        freezes = averages_itself(recipe) or freezes_variance(recipe)
        return f"{last} with {steps} steps of warm-up" if freezes and 0 < last < steps else ""

    return found


def near(key: str) -> Callable[[Recipe], str]:
    """A fifth of the run, or the end of the warm-up where that is later."""

    def said(recipe: Recipe) -> str:
        steps, warm = recipe.run.steps or 0, warmup(recipe)
        return f"{key}={0.2 if steps // 5 >= warm else warm}"

    return said


def rules(key: str) -> tuple[Rule, Rule]:
    """The two rules of a key."""
    source = "Tang et al. 2021, arXiv:2102.02888, section 7.1"
    return (
        Rule(
            f"something to compress: {key}",
            key,
            never(key),
            "a step before the run ends; 15 to 25 % of the steps are usual",
            "until then gradients travel whole",
            near(key),
            source,
            ("run.steps", "optimizer.type", WARMUP),
        ),
        Rule(
            f"a settled variance: {key}",
            key,
            early(key),
            "a step after the learning rate has warmed up",
            "the variance freezes there, and would stay that of the first, small steps",
            near(key),
            source,
            ("run.steps", "optimizer.type", WARMUP),
        ),
    )


BEGIN_RULES = tuple(rule for key in begin_keys() for rule in rules(key))
