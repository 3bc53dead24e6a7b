"""What recipes that an older version wrote leave out, and what it meant by that."""

import copy
from typing import Any

from zoo.recipe.vocabulary.optimizers import OPTIMIZERS, canonical
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

WRITTEN_OUT = {"params", "weight_decay_on", "groups", "gradient_clipping"}
"""Keys of `optimizer` that an expanded recipe always holds, and a recipe by hand hardly ever."""
WARMUP_TYPE = "log"
"""How every schedule warmed up where nothing was said."""


def left_out(optimizer: Any) -> dict[tuple[str, ...], Any]:
    """The values that an expanded `optimizer` section does not say, by their path in the section.

    Empty for a section of this version, which says them all, and for one that is not expanded.
    """
    if not isinstance(optimizer, dict) or not optimizer.keys() >= WRITTEN_OUT:
        return {}
    found: dict[tuple[str, ...], Any] = {}
    entry = OPTIMIZERS.get(canonical(str(optimizer.get("type"))))
    params = optimizer["params"]
    if entry is not None and not entry.rates and isinstance(params, dict) and "lr" not in params:
        found["params", "lr"] = entry.parameters["lr"].default
    scheduler = optimizer.get("scheduler")
    if isinstance(scheduler, dict) and _says_no_shape(scheduler):
        found["scheduler", "params", "warmup_type"] = WARMUP_TYPE
    return found


def _says_no_shape(scheduler: dict[str, Any]) -> bool:
    schedule = SCHEDULERS.get(str(scheduler.get("type")))
    params = scheduler.get("params")
    silent = isinstance(params, dict) and "warmup_type" not in params
    return schedule is not None and silent and "warmup_type" in schedule.parameters


def complete(recipe: dict[str, Any]) -> dict[str, Any]:
    """An expanded recipe with those values in their places; the same object if there are none."""
    found = left_out(recipe.get("optimizer"))
    if not found:
        return recipe
    whole = copy.deepcopy(recipe)
    for (*above, last), value in found.items():
        place = whole["optimizer"]
        for name in above:
            place = place[name]
        place[last] = value
    return whole
