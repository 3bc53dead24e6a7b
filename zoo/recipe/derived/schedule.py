"""The schedule with the run's numbers."""

from typing import Any

from zoo.recipe.derived.exchange import steps_of
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.parameters import counts, defaults
from zoo.recipe.vocabulary.schedulers import SCHEDULERS


def spelled_out(recipe: Recipe) -> dict[str, Any] | None:
    """The schedule as far as the recipe says it: resolved, or with the defaults and its shares
    where the number of steps waits for the data.
    """
    scheduler = recipe.optimizer.scheduler
    if scheduler is None or recipe.run.steps is not None:
        return resolve_scheduler(recipe, recipe.run.steps or 0)
    known = defaults(SCHEDULERS[scheduler.type].parameters)
    return {"type": scheduler.type, "params": {**known, **scheduler.params}}


def resolve_scheduler(recipe: Recipe, total_steps: int) -> dict[str, Any] | None:
    """The schedule with integer steps, `total_num_steps` and defaults; None if constant."""
    scheduler = recipe.optimizer.scheduler
    if scheduler is None:
        return None
    entry = SCHEDULERS[scheduler.type]
    params = {**defaults(entry.parameters), **scheduler.params}
    for name in counts(entry.parameters):
        if name in params:
            params[name] = steps_of(params[name], total_steps)
    if "milestones" in params:
        params["milestones"] = [steps_of(count, total_steps) for count in params["milestones"]]
    if entry.needs_total:
        params["total_num_steps"] = total_steps
    return {"type": scheduler.type, "params": params}
