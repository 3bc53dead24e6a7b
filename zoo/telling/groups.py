"""What `zoo show --deepspeed` says of optimizer groups and of the schedule."""

import json

from zoo.recipe import Recipe
from zoo.recipe.derived.exchange import (
    optimizer_of,
)
from zoo.recipe.derived.groups import Group, parameter_groups
from zoo.recipe.derived.schedule import resolve_scheduler


def group_rows(recipe: Recipe) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of optimizer groups, hyper-parameters resolved."""
    groups = parameter_groups(recipe)
    names = [name for name, one in optimizer_of(recipe).parameters.items() if one.per_group]
    rows = [[group.which, *(_cell(group, name) for name in names)] for group in groups]
    rows += [[pattern, "frozen"] for pattern in recipe.model.freeze]
    return ["parameters", *names], rows


def _cell(group: Group, name: str) -> str:
    value = json.dumps(group.params[name]) if name in group.params else ""
    if name == "weight_decay" and group.vectors is not None:
        return f"{value} (below two dimensions {group.vectors:g})"
    return value


def schedule_line(recipe: Recipe) -> str:
    """The learning-rate schedule in one line."""
    if recipe.run.steps is None:
        scheduler = recipe.optimizer.scheduler
        resolved = scheduler.model_dump() if scheduler else None
    else:
        resolved = resolve_scheduler(recipe, recipe.run.steps)
    return f"scheduler: {json.dumps(resolved)}" if resolved else "scheduler: none, lr is constant"
