"""Builds the engine of a recipe: model, what is applied to it from outside, optimizer, DeepSpeed.

The order: meta model; frozen parameters, BatchNorm policy, gradient checkpointing; values unit by
unit (under
ZeRO 3 each unit is partitioned at once); optimizer and schedule; deepspeed.initialize.
"""

import logging
import os
from typing import Any

import deepspeed
import torch
from deepspeed.utils import logger
from transformers import PreTrainedModel

from zoo.engines.optimizer import build_optimizer
from zoo.engines.schedule import build_schedule
from zoo.engines.zero import ZeroEngine
from zoo.layout import Layout, Place
from zoo.models.build import apply_batch_norm, batch_norms, freeze, on_meta
from zoo.models.fill import Weights, fill, leave
from zoo.recipe.deepspeed import deepspeed_config, resolve_scheduler
from zoo.recipe.load import origin
from zoo.recipe.spec import Recipe
from zoo.tasks.task import Task

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def quiet_deepspeed() -> None:
    """Keeps DeepSpeed from compiling its shared-memory op, from leaving segments in /dev/shm, from
    talking.

    The op is built in every CPU start and its segments are never unlinked (deepspeed/comm/torch.py,
    csrc/cpu/comm/shm_interface.cpp); training collectives do not use it.
    """
    os.environ.pop("LOCAL_SIZE", None)
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    logger.setLevel(logging.ERROR)


def meta_model(recipe: Recipe, task: Task) -> PreTrainedModel:
    """The recipe's model without values, with everything applied that needs none."""
    section = recipe.model
    model = on_meta(task.model_class, task.config, section.attention, section.trust_remote_code)
    freeze(model, section.freeze, origin(recipe, "model.freeze"))
    if recipe.parallel.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def fill_model(
    model: PreTrainedModel,
    recipe: Recipe,
    weights: Weights,
    device: torch.device,
    config: dict[str, Any],
) -> None:
    """Gives the model its values; under ZeRO 3 no rank holds more than its share and one unit."""
    dtype = DTYPES[recipe.run.precision]

    def partition(root: torch.nn.Module) -> None:
        own = [p for p in root.parameters() if not hasattr(p, "ds_id")]
        for parameter in own:
            parameter.data = parameter.data.to(dtype)
        if own:
            deepspeed.zero.Init(module=root, config_dict_or_path=config, mem_efficient_linear=False)

    sharded = recipe.parallel.zero.get("stage", 0) == 3
    fill(model, recipe.run.seed, weights, device, partition if sharded else leave)


def build_engine(
    recipe: Recipe,
    layout: Layout,
    place: Place,
    task: Task,
    model: PreTrainedModel,
    weights: Weights,
    device: torch.device,
    steps: int,
) -> ZeroEngine:
    """The engine of a recipe, ready for its first step; every rank must call it, inside a process
    group.

    `model` is `meta_model`'s and gets its values here; `steps` is the length of the run, which
    schedules and shares of it need.
    """
    quiet_deepspeed()
    deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)
    config = deepspeed_config(recipe, layout)
    fill_model(model, recipe, weights, device, config)
    module = apply_batch_norm(model, recipe.model.batch_norm).to(device)
    optimizer = build_optimizer(recipe, module)
    schedule = build_schedule(optimizer, resolve_scheduler(recipe, steps))
    buffers = fp32_buffers(module)
    engine, *_ = deepspeed.initialize(
        model=module, optimizer=optimizer, lr_scheduler=schedule, config=config
    )
    for (part, key), value in buffers.items():
        part._buffers[key] = value
    if not engine.zero_optimization() and recipe.run.precision != "fp32":
        # FP16_UnfusedOptimizer takes a step with zero gradients to make its state; undo it.
        optimizer.state.clear()
        engine.optimizer.refresh_fp32_params()
    return ZeroEngine(engine, task, layout, place.rank, recipe.run.seed)


def fp32_buffers(module: torch.nn.Module) -> dict[tuple[torch.nn.Module, str], torch.Tensor]:
    """Buffers that DeepSpeed would round with the model (rotary frequencies); BatchNorm's go
    along.
    """
    norms = set(batch_norms(module))
    return {
        (part, key): buffer
        for part in module.modules()
        if part not in norms
        for key, buffer in part._buffers.items()
        if buffer is not None and buffer.is_floating_point()
    }
