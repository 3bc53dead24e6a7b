"""A DeepSpeed JSON file that accelerate was given, held against the recipe."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.launching.settings import SETTINGS, SILENT, Setting, at, compared
from zoo.recipe import Recipe
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.vocabulary.optimizers import hyper_parameters


def file_faults(name: str, recipe: Recipe, deepspeed: Mapping[str, Any]) -> list[Fault]:
    """What a file says otherwise than the recipe, of which `deepspeed` was made for this layout."""
    try:
        brought = read_object(Path(name))
    except ConfigError as error:
        return list(error.faults)
    faults = []
    for setting in SETTINGS:
        found = at(brought, setting.path, "")
        faults += compared(name, ".".join(setting.path), found, setting, deepspeed)
    return [
        *faults,
        *_update_faults(name, brought, recipe),
        *_precision_faults(name, brought, recipe),
    ]


def _update_faults(name: str, brought: Mapping[str, Any], recipe: Recipe) -> Iterator[Fault]:
    """An optimizer or schedule in the file that is not the recipe's."""
    optimizer, schedule = recipe.optimizer, recipe.optimizer.scheduler
    params = hyper_parameters(optimizer, {})
    ours: dict[str, Any] = {"optimizer": {"type": optimizer.type, "params": params}}
    if schedule is not None:
        ours["scheduler"] = {"type": schedule.type, "params": schedule.params}
    for section, key in (("optimizer", "optimizer"), ("scheduler", "optimizer.scheduler")):
        found = at(brought, (section, "params"), {})
        names = [("params", name) for name in found] if isinstance(found, Mapping) else []
        for path in [("type",), *names]:
            place = ".".join(path)
            setting = Setting("", (section, *path), f"{key}.{place}", "nothing")
            found = at(brought, setting.path, "")
            yield from compared(name, f"{section}.{place}", found, setting, ours)


def _precision_faults(name: str, brought: Mapping[str, Any], recipe: Recipe) -> list[Fault]:
    faults = []
    for kind in ("bf16", "fp16"):
        enabled = at(brought, (kind, "enabled"), "auto")
        if enabled in SILENT or enabled == (recipe.run.precision == kind):
            continue
        ours = f"the recipe's run.precision is {recipe.run.precision}"
        allowed = f"{json.dumps(recipe.run.precision == kind)}, for {ours}"
        faults.append(Fault(name, f"{kind}.enabled", json.dumps(enabled), allowed))
    return faults
