"""The settings that accelerate and DeepSpeed's files may repeat, and how they are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.errors import Fault

SILENT = ("", "auto")
"""What leaves a setting to the recipe."""


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
        "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_NVME_PATH",
        ("zero_optimization", "offload_optimizer", "nvme_path"),
        "parallel.zero.offload_optimizer.nvme_path",
        "none",
    ),
    Setting(
        "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE",
        ("zero_optimization", "offload_param", "device"),
        "parallel.zero.offload_param.device",
        "none",
    ),
    Setting(
        "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_NVME_PATH",
        ("zero_optimization", "offload_param", "nvme_path"),
        "parallel.zero.offload_param.nvme_path",
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


def compared(
    file: str, name: str, found: Any, setting: Setting, deepspeed: Mapping[str, Any]
) -> list[Fault]:
    """A fault if what was found says otherwise than `deepspeed`, which the recipe became."""
    ours = at(deepspeed, setting.path, setting.absent)
    if found in SILENT or _same(found, ours):
        return []
    return [Fault(file, name, str(found), f"{ours}, the recipe's {setting.key}")]


def _same(found: Any, ours: Any) -> bool:
    """Equal as numbers if both are numbers (variables hold text), else as words."""
    try:
        return float(found) == float(ours)
    except (TypeError, ValueError):
        return str(found).lower() == str(ours).lower()


def at(tree: Any, path: tuple[str, ...], absent: Any) -> Any:
    """The value at a path of keys, or `absent`."""
    for key in path:
        if not isinstance(tree, Mapping) or key not in tree:
            return absent
        tree = tree[key]
    return tree
