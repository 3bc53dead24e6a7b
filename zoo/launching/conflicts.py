"""Engines and DeepSpeed's settings that a launcher brings along, held against the recipe's.

Names of variables and fields: accelerate 1.15, utils/launch.py (`prepare_multi_gpu_env`,
`prepare_deepspeed_cmd_env`) and utils/dataclasses.py (`DeepSpeedPlugin`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zoo.errors import Fault
from zoo.launching.deepspeed_file import file_faults
from zoo.launching.settings import SETTINGS, SILENT, compared
from zoo.recipe import Recipe

_FILE = "ACCELERATE_DEEPSPEED_CONFIG_FILE"
_PRECISION = "ACCELERATE_MIXED_PRECISION"
_CPU = "ACCELERATE_USE_CPU"
_OFF = ("", "0", "no", "false", "none")


@dataclass(frozen=True)
class Engine:
    """accelerate's variable that asks for another way to train, its key, and the zoo's own way."""

    variable: str
    key: str
    instead: str


ENGINES = (
    Engine("ACCELERATE_USE_FSDP", "fsdp_config", "parallel.zero.stage 3 shards parameters"),
    Engine(
        "ACCELERATE_USE_MEGATRON_LM",
        "megatron_lm_config",
        "parallel.pipeline.stages and parallel.tensor cut a model",
    ),
    Engine(
        "ACCELERATE_USE_PARALLELISM_CONFIG",
        "parallelism_config",
        "parallel.tensor and parallel.zero say it",
    ),
    Engine("ACCELERATE_DYNAMO_BACKEND", "dynamo_config", "models are not compiled"),
)


def launcher_conflicts(
    recipe: Recipe, deepspeed: Mapping[str, Any], environment: Mapping[str, str]
) -> list[Fault]:
    """Faults for what a launcher says otherwise than the recipe; equal values and `auto` pass.

    Nothing that a launcher says changes how the zoo trains: what passed unread would be ignored.

    `deepspeed` is what `deepspeed_config` makes of the recipe for this layout.
    """
    faults = [*_engine_faults(environment), *_precision_faults(recipe, environment)]
    if environment.get("ACCELERATE_USE_DEEPSPEED", "").lower() != "true":
        return faults
    for setting in SETTINGS:
        found = environment.get(setting.variable, "") if setting.variable else ""
        faults += compared("accelerate launch", setting.variable, found, setting, deepspeed)
    name = environment.get(_FILE, "none")
    return faults if name in ("none", *SILENT) else faults + file_faults(name, recipe, deepspeed)


def _engine_faults(environment: Mapping[str, str]) -> Iterator[Fault]:
    """Other ways to train, and a CPU where the run would take GPUs."""
    for engine in ENGINES:
        found = environment.get(engine.variable, "")
        if found.lower() not in _OFF:
            key = f"{engine.key} ({engine.variable})"
            yield Fault("accelerate launch", key, found, f"none: {engine.instead}")
    cpu = environment.get(_CPU, "")
    if cpu.lower() not in _OFF and environment.get("DS_ACCELERATOR") != "cpu":
        allowed = "false, or DS_ACCELERATOR=cpu as well: that keeps a run off the GPUs"
        yield Fault("accelerate launch", f"use_cpu ({_CPU})", cpu, allowed)
    # accelerate's simple launcher, which alone says use_cpu, names a meeting place for several.
    if cpu and "MASTER_ADDR" in environment and "RANK" not in environment:
        found = "several, of which this type starts one"
        allowed = "1, or launchers/accelerate/cpu.yaml, which starts them all"
        yield Fault("accelerate launch", "num_processes", found, allowed)


def _precision_faults(recipe: Recipe, environment: Mapping[str, str]) -> list[Fault]:
    found = environment.get(_PRECISION, "no").lower()
    if found in ("no", *SILENT, recipe.run.precision):
        return []
    allowed = f"no, or {recipe.run.precision}, the recipe's run.precision"
    return [Fault("accelerate launch", f"mixed_precision ({_PRECISION})", found, allowed)]
