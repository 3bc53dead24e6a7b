"""From a file and words of the command line to a Recipe, or to every fault at once."""

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ConfigError, Fault
from zoo.recipe.checks.judge import judged
from zoo.recipe.checks.rules import rule_faults
from zoo.recipe.checks.tried import hinted
from zoo.recipe.compose.words import Asked, compose
from zoo.recipe.provenance import Provenance
from zoo.recipe.recipe import Recipe, origin_of


def load_recipe(
    path: str | Path,
    changes: Sequence[str] = (),
    tiny: bool = False,
    first: Sequence[str] = (),
    last: Sequence[str] = (),
) -> Recipe:
    """Read a recipe, expand, change and check it: ring 1.

    `path` is a file, a run's folder or the name of a recipe of the shipped catalog; `changes` are
    `section.key=value` words as a user types them, applied left to right; `tiny` lays the twin
    over it before them. `first` and `last` are words of the caller's own before and after: unlike
    typed ones they may be undone. Raises ConfigError with every fault.
    """
    composed = compose(Asked(str(path), tuple(changes), tiny, tuple(first), tuple(last)))
    verdict = judged(composed)
    if verdict.faults or verdict.recipe is None:
        raise ConfigError(hinted(composed, verdict))
    composition = composed.composition
    verdict.recipe._provenance = Provenance(
        composed.name,
        composed.made,
        composition.origins,
        tuple(composition.drops),
        composition.fragments,
        {key: tuple(values) for key, values in composition.before.items()},
        composed.asked.path,
    )
    return verdict.recipe


def faults_at_length(recipe: Recipe, steps: int) -> list[Fault]:
    """What the rules say once data have told how many steps the epochs of a recipe are."""
    run = recipe.run.model_copy(update={"steps": steps, "epochs": None})
    known = recipe.model_copy(update={"run": run})
    return rule_faults(known, lambda path: origin_of(recipe, path))
