"""Rules about the length of a run and its batches."""

from zoo.recipe.checks.alike import said_by_others
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.recipe import Recipe, expanded
from zoo.recipe.vocabulary.kinds import KINDS


def two_lengths(recipe: Recipe) -> str:
    """Not one length, but none or two."""
    run = recipe.run
    if run.steps is None and run.epochs is None:
        return "neither run.steps nor run.epochs"
    return "both run.steps and run.epochs" if run.steps and run.epochs else ""


def one_length(recipe: Recipe) -> str:
    """The epochs of the most alike recipe that counts them, or those alone of two lengths."""
    if recipe.run.steps is not None:
        return "run.steps=unset"
    said = next(said_by_others(expanded(recipe), ("run", "epochs")), None)
    return "" if said is None else f"run.epochs={said:g}"


def ragged_batch(recipe: Recipe) -> str:
    """A batch that is no multiple of its micro-batch."""
    run = recipe.run
    return f"{run.batch} with micro_batch {run.micro_batch}" if run.batch % run.micro_batch else ""


def near_batch(recipe: Recipe) -> str:
    """The nearest multiple."""
    micro = recipe.run.micro_batch
    return f"run.batch={max(1, round(recipe.run.batch / micro)) * micro}"


def other_unit(recipe: Recipe) -> str:
    """Batches of what the kind's examples are not counted in."""
    unit, known = recipe.run.batch_unit, KINDS[recipe.task.kind].amounts
    wrong = unit != "examples" and unit not in known
    return f"{unit} with task.kind {recipe.task.kind}" if wrong else ""


def units_of_kinds() -> str:
    """Which units go with which kinds, in words."""
    users: dict[str, list[str]] = {}
    for kind, entry in KINDS.items():
        for unit in entry.amounts:
            users.setdefault(unit, []).append(kind)
    return ", ".join(f"{unit} for {' and '.join(kinds)}" for unit, kinds in users.items())


def near_unit(recipe: Recipe) -> str:
    """What the kind's examples are counted in."""
    return f"run.batch_unit={next(iter(KINDS[recipe.task.kind].amounts), 'examples')}"


def grouped_twice(recipe: Recipe) -> str:
    """Batches of an amount, which are of like length, and grouping by length."""
    unit, sampling = recipe.run.batch_unit, getattr(recipe.data, "sampling", "")
    twice = unit != "examples" and sampling == "group-by-length"
    return f"{sampling} with run.batch_unit {unit}" if twice else ""


def mixed_amounts(recipe: Recipe) -> str:
    """Batches of an amount of a mixture, whose shares are of examples."""
    unit, source = recipe.run.batch_unit, recipe.data.source
    return f"{unit} with data.source mixture" if unit != "examples" and source == "mixture" else ""


LENGTH_RULES = (
    Rule(
        "length",
        "run.steps",
        two_lengths,
        "one of run.steps and run.epochs",
        "a run has one length",
        one_length,
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
    Rule(
        "unit of a batch",
        "run.batch_unit",
        other_unit,
        f"examples; {units_of_kinds()}",
        "it is what the model gets of an example",
        near_unit,
        beside=("task.kind",),
    ),
    Rule(
        "examples of a mixture",
        "run.batch_unit",
        mixed_amounts,
        "examples",
        "the shares of a mixture are shares of the examples of each batch",
        "run.batch_unit=examples",
        beside=("data.source",),
    ),
    Rule(
        "grouped once",
        "data.sampling",
        grouped_twice,
        "random, sequential",
        "micro-batches of an amount are of like length already",
        "data.sampling=random",
        beside=("run.batch_unit",),
    ),
)
