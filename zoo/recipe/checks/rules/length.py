"""Rules about the length of a run and its batches."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.recipe import Recipe


def two_lengths(recipe: Recipe) -> str:
    """Not one length, but none or two."""
    run = recipe.run
    if run.steps is None and run.epochs is None:
        return "neither run.steps nor run.epochs"
    return "both run.steps and run.epochs" if run.steps and run.epochs else ""


def ragged_batch(recipe: Recipe) -> str:
    """A batch that is no multiple of its micro-batch."""
    run = recipe.run
    return f"{run.batch} with micro_batch {run.micro_batch}" if run.batch % run.micro_batch else ""


def near_batch(recipe: Recipe) -> str:
    """The nearest multiple."""
    micro = recipe.run.micro_batch
    return f"run.batch={max(1, round(recipe.run.batch / micro)) * micro}"


LENGTH_RULES = (
    Rule(
        "length",
        "run.steps",
        two_lengths,
        "one of run.steps and run.epochs",
        "a run has one length",
        beside=("run.epochs",),
    ),
    Rule(
        "whole micro-batches",
        "run.batch",
        ragged_batch,
        "a multiple of run.micro_batch",
        "data ranks take whole micro-batches, so that every layout computes the same",
        near_batch,
        beside=("run.micro_batch",),
    ),
)
