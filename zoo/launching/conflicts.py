"""DeepSpeed's settings that a launcher brings along, held against the recipe's.

Names of variables and fields: accelerate 1.15, utils/launch.py (`prepare_deepspeed_cmd_env`) and
utils/dataclasses.py (`DeepSpeedPlugin`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import Fault
from zoo.recipe import Recipe

_FILE = "ACCELERATE_DEEPSPEED_CONFIG_FILE"
_PRECISION = "ACCELERATE_MIXED_PRECISION"
_SILENT = ("", "auto")


@dataclass(frozen=True)
class Setting:
    """accelerate's variable, its place in DeepSpeed's JSON, the recipe's key, its absence."""

    variable: str
    path: tuple[str, ...]
    key: str
    absent: Any


SETTINGS = (
    Setting(
        "ACCELERATE_DEEPSPEED_ZERO_STAGE",
        ("zero_optimization", "stage"),
        "parallel.zero.stage",
        0,
    ),
    Setting(
        "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE",
        ("zero_optimization", "offload_optimizer", "device"),
        "parallel.zero.offload_optimizer.device",
        "none",
    ),
    Setting(
        "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE",
        ("zero_optimization", "offload_param", "device"),
        "parallel.zero.offload_param.device",
        "none",
    ),
    Setting(
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS",
        ("gradient_accumulation_steps",),
        "run.batch and run.micro_batch",
        1,
    ),
    Setting(
        "ACCELERATE_GRADIENT_CLIPPING",
        ("gradient_clipping",),
        "optimizer.gradient_clipping",
        0.0,
    ),
    Setting("", ("train_batch_size",), "run.batch", None),
    Setting("", ("train_micro_batch_size_per_gpu",), "run.micro_batch", None),
)


def launcher_conflicts(
    recipe: Recipe, deepspeed: Mapping[str, Any], environment: Mapping[str, str]
) -> list[Fault]:
    """Faults for what a launcher says otherwise than the recipe; equal values and `auto` pass.

    `deepspeed` is what `deepspeed_config` makes of the recipe for this layout.
    """
    faults = _precision_faults(recipe, environment)
    if environment.get("ACCELERATE_USE_DEEPSPEED", "").lower() != "true":
        return faults
    for setting in SETTINGS:
        found = environment.get(setting.variable, "") if setting.variable else ""
        faults += _compared("accelerate launch", setting.variable, found, setting, deepspeed)
    return [*faults, *_file_faults(recipe, deepspeed, environment)]


def _precision_faults(recipe: Recipe, environment: Mapping[str, str]) -> list[Fault]:
    found = environment.get(_PRECISION, "no").lower()
    if found in ("no", *_SILENT, recipe.run.precision):
        return []
    allowed = f"no, or {recipe.run.precision}, the recipe's run.precision"
    return [Fault("accelerate launch", f"mixed_precision ({_PRECISION})", found, allowed)]


def _file_faults(
    recipe: Recipe, deepspeed: Mapping[str, Any], environment: Mapping[str, str]
) -> list[Fault]:
    """The same for a DeepSpeed JSON file that accelerate was given."""
    name = environment.get(_FILE, "none")
    if name in ("none", *_SILENT):
        return []
    try:
        brought = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        brought = None
    if not isinstance(brought, dict):
        allowed = "a JSON file that can be read, or none: the recipe says all of it"
        return [Fault(name, "deepspeed_config_file", "no such file", allowed)]
    faults: list[Fault] = []
    for setting in SETTINGS:
        found = _at(brought, setting.path, "")
        faults += _compared(name, ".".join(setting.path), found, setting, deepspeed)
    return [*faults, *_file_precision_faults(name, brought, recipe)]


def _file_precision_faults(name: str, brought: Mapping[str, Any], recipe: Recipe) -> list[Fault]:
    faults = []
    for kind in ("bf16", "fp16"):
        enabled = _at(brought, (kind, "enabled"), "auto")
        if enabled in _SILENT or enabled == (recipe.run.precision == kind):
            continue
        ours = f"the recipe's run.precision is {recipe.run.precision}"
        allowed = f"{json.dumps(recipe.run.precision == kind)}, for {ours}"
        faults.append(Fault(name, f"{kind}.enabled", json.dumps(enabled), allowed))
    return faults


def _compared(
    file: str, name: str, found: Any, setting: Setting, deepspeed: Mapping[str, Any]
) -> list[Fault]:
    ours = _at(deepspeed, setting.path, setting.absent)
    if found in _SILENT or _same(found, ours):
        return []
    return [Fault(file, name, str(found), f"{ours}, the recipe's {setting.key}")]


def _same(found: Any, ours: Any) -> bool:
    """Equal as numbers if both are numbers (variables hold text), else as words."""
    try:
        return float(found) == float(ours)
    except (TypeError, ValueError):
        return str(found).lower() == str(ours).lower()


def _at(tree: Any, path: tuple[str, ...], absent: Any) -> Any:
    """The value at a path of keys, or `absent`."""
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return absent
        tree = tree[key]
    return tree
