"""What `zoo show --deepspeed` says of optimizer groups and of the schedule."""

import json

from zoo.recipe import Recipe
from zoo.recipe.derived.exchange import optimizer_of
from zoo.recipe.derived.groups import Group, parameter_groups
from zoo.recipe.derived.schedule import spelled_out
from zoo.recipe.vocabulary.schedulers import SCHEDULERS


def group_rows(recipe: Recipe) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of optimizer groups, hyper-parameters resolved."""
    groups = parameter_groups(recipe)
    names = [name for name, one in optimizer_of(recipe).parameters.items() if one.per_group]
    rows = [[group.which, *(_cell(group, name) for name in names)] for group in groups]
    if decay := recipe.optimizer.layer_decay:
        rows.append(["each layer below the head", f"lr times {decay:g}, once more a layer"])
    rows += [[pattern, "frozen"] for pattern in recipe.model.freeze]
    return ["parameters", *names], rows


def _cell(group: Group, name: str) -> str:
    value = json.dumps(group.params[name]) if name in group.params else ""
    if name == "weight_decay" and group.vectors is not None:
        return f"{value} (below two dimensions {group.vectors:g})"
    return value


def schedule_line(recipe: Recipe) -> str:
    """The learning-rate schedule in one line, and what DeepSpeed's classes make of its start."""
    resolved = spelled_out(recipe)
    if resolved is None:
        return "scheduler: none, lr is constant"
    line = f"scheduler: {json.dumps(resolved)}"
    idle = SCHEDULERS[resolved["type"]].idle
    if idle and resolved["params"].get("warmup_num_steps"):
        least = "0" if not resolved["params"].get("warmup_min_lr") else "warmup_min_lr"
        line += f"; its first {idle} updates are at {least}: DeepSpeed counts from the one before"
    return line
