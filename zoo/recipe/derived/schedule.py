"""The schedule with the run's numbers."""

from typing import Any

from zoo.recipe.derived.exchange import steps_of
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.parameters import STEPS
from zoo.recipe.vocabulary.schedulers import NEEDS_TOTAL, SCHEDULERS


def resolve_scheduler(recipe: Recipe, total_steps: int) -> dict[str, Any] | None:
    """The schedule with integer steps, `total_num_steps` and defaults; None if constant."""
    scheduler = recipe.optimizer.scheduler
    if scheduler is None:
        return None
    parameters = SCHEDULERS[scheduler.type]
    values = {name: one.default for name, one in parameters.items() if one.default is not None}
    params = {**values, **scheduler.params}
    for name, one in parameters.items():
        if one.node is STEPS and name in params:
            params[name] = steps_of(params[name], total_steps)
    if "milestones" in params:
        params["milestones"] = [steps_of(count, total_steps) for count in params["milestones"]]
    if scheduler.type in NEEDS_TOTAL:
        params["total_num_steps"] = total_steps
    return {"type": scheduler.type, "params": params}
