"""Builds the engine of a recipe: model, what is applied to it from outside, optimizer, DeepSpeed.

The order: meta model; frozen parameters, gradient checkpointing, BatchNorm policy; the stage's
range and the tensor ranks' slices; values unit by unit, each cut and (ZeRO 3) partitioned at once;
optimizer and schedule; deepspeed.initialize.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
from deepspeed.utils import logger
from torch import nn
from transformers import PreTrainedModel

from zoo.compression.optimizers.moments import MomentOptimizer
from zoo.engines.allocator import nothing_kept
from zoo.engines.engine import Batch
from zoo.engines.exchange.build import build_exchange
from zoo.engines.groups import Groups, model_parallel_unit
from zoo.engines.holdings import full_shapes, holdings
from zoo.engines.pipe import Pipeline, PipelineEngine
from zoo.engines.state import forget
from zoo.engines.update.optimizer import build_optimizer
from zoo.engines.update.schedule import build_schedule
from zoo.engines.zero import ZeroEngine
from zoo.layout import Layout, Part, Place
from zoo.models.build import apply_batch_norm, freeze, on_meta
from zoo.models.families import family_of
from zoo.models.fill import Weights, every, fill, leave
from zoo.models.stage import (
    Family,
    Stage,
    balanced,
    layer_weights,
    owned_names,
    parameter_weights,
    tied_stages,
)
from zoo.models.tensor import TensorCut
from zoo.models.timing import time_weights
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.recipe.derived.schedule import resolve_scheduler
from zoo.recipe.recipe import Recipe, origin
from zoo.tasks.task import Task

Sample = Callable[[], Batch]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def quiet_deepspeed() -> None:
    """Keeps DeepSpeed from compiling its shared-memory op, leaving /dev/shm segments, and talking.

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


def in_training(model: PreTrainedModel, recipe: Recipe) -> PreTrainedModel:
    """A meta model as it is trained, and not as it is exported."""
    model = apply_batch_norm(model, recipe.model.batch_norm)
    model.config.use_cache = False  # nobody reads keys and values again; exports keep it
    return model


@dataclass(frozen=True)
class Cut:
    """How a model is cut for one rank: tensor slices by name, and the stages' bounds."""

    parts: dict[str, Part]
    slice: Callable[[nn.Module], None] = leave
    family: Family | None = None
    bounds: tuple[int, ...] = ()


def cut_model(
    model: PreTrainedModel,
    balance: str,
    groups: Groups,
    sample: Sample | None,
    device: torch.device,
) -> Cut:
    """Applies the layout to a meta model from outside; the checks made sure that it fits."""
    layout, family = groups.layout, family_of(model.config)
    if layout.pipe * layout.tensor == 1 or family is None:
        return Cut({})
    bounds: tuple[int, ...] = ()
    if layout.pipe > 1:
        weights = weights_of(model, family, balance, groups, sample, device)
        bounds = tuple(balanced(weights, layout.pipe))
    if layout.tensor == 1:
        return Cut({}, leave, family, bounds)
    rank = layout.tensor_rank(groups.rank)
    slices = TensorCut(model, family, rank, layout.tensor, groups.tensor)
    return Cut(slices.parts, slices.settle, family, bounds)


def weights_of(
    model: PreTrainedModel,
    family: Family,
    balance: str,
    groups: Groups,
    sample: Sample | None,
    device: torch.device,
) -> list[float]:
    """What the stages are to have about the same of; times are rank 0's, on every rank."""
    if balance == "layers":
        return layer_weights(model, family)
    if balance == "parameters":
        return parameter_weights(model, family)
    found: list[Any] = [None]
    if groups.rank == 0:
        assert sample is not None, "stages balanced by time need a micro-batch"
        inputs = sample()["inputs"]
        found = [time_weights(model, family, inputs, device)]
    dist.broadcast_object_list(found, src=0, device=device)
    weights: list[float] = found[0]
    return weights


def fill_model(
    model: PreTrainedModel,
    recipe: Recipe,
    weights: Weights,
    device: torch.device,
    config: dict[str, Any],
    cut: Cut,
    groups: Groups,
) -> None:
    """Gives the model its values; no rank holds more than its share and one unit."""
    dtype, sharded = DTYPES[recipe.run.precision], recipe.parallel.zero.get("stage", 0) == 3

    def settle(root: nn.Module) -> None:
        cut.slice(root)
        own = [p for p in root.parameters() if not hasattr(p, "ds_id")] if sharded else []
        for parameter in own:
            parameter.data = parameter.data.to(dtype)
        if own:
            deepspeed.zero.Init(
                module=root,
                config_dict_or_path=config,
                mem_efficient_linear=False,
                data_parallel_group=groups.data,
            )

    wanted: Callable[[str], bool] = every
    if cut.bounds and cut.family is not None:
        stage = groups.layout.stage(groups.rank)
        wanted = owned_names(model, cut.family, cut.bounds, stage).__contains__
    with nothing_kept():
        fill(model, recipe.run.seed, weights, device, settle, wanted)


def build_engine(
    recipe: Recipe,
    layout: Layout,
    place: Place,
    task: Task,
    model: PreTrainedModel,
    weights: Weights,
    device: torch.device,
    steps: int,
    sample: Sample | None = None,
) -> ZeroEngine:
    """The engine of a recipe, ready for its first step; every rank calls it, in a process group.

    `model` is `meta_model`'s and gets its values here; `steps` is the length of the run, which
    schedules and shares of it need; `sample` makes a micro-batch, for stages balanced by time.
    """
    quiet_deepspeed()
    deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)
    config = deepspeed_config(recipe, layout)
    groups = Groups.of(layout, place.rank)
    model = in_training(model, recipe)
    shapes = full_shapes(model)
    cut = cut_model(model, recipe.parallel.pipeline.balance, groups, sample, device)
    fill_model(model, recipe, weights, device, config, cut, groups)
    module, tied = staged(model, cut, groups)
    optimizer = build_optimizer(recipe, model, groups.data, steps)
    fresh = optimizer.counters() if isinstance(optimizer, MomentOptimizer) else {}
    schedule = build_schedule(optimizer, resolve_scheduler(recipe, steps))
    buffers = fp32_buffers(module)
    engine, *_ = deepspeed.initialize(
        model=module,
        optimizer=optimizer,
        lr_scheduler=schedule,
        config=config,
        mpu=None if isinstance(module, Pipeline) else model_parallel_unit(layout),
    )
    for (part, key), value in buffers.items():
        part._buffers[key] = value
    if not engine.zero_optimization() and recipe.run.precision != "fp32":
        # FP16_UnfusedOptimizer takes a step with zero gradients to make its state; undo it.
        forget(optimizer, fresh)
        engine.optimizer.refresh_fp32_params()
    held = holdings(model, layout, place.rank, shapes, cut.parts, tied)
    exchange = build_exchange(recipe, model, held, optimizer, groups, steps)
    if exchange.averages:
        engine.enable_backward_allreduce = False
        engine.pipeline_enable_backward_allreduce = False
    kind = PipelineEngine if isinstance(module, Pipeline) else ZeroEngine
    return kind(engine, task, groups, recipe.run.seed, held, exchange)


def staged(
    model: PreTrainedModel, cut: Cut, groups: Groups
) -> tuple[nn.Module, dict[str, list[int]]]:
    """What DeepSpeed is given: the model, or this rank's stage of it, and what stages share."""
    if not cut.bounds or cut.family is None:
        return model, {}
    stage = Stage(model, cut.family, cut.bounds, groups.layout.stage(groups.rank))
    pipeline = Pipeline(stage, groups.layout, groups.rank)
    tied = tied_stages(model, cut.family, cut.bounds)
    pipeline.tie(model, groups, tied)
    return pipeline, tied


def fp32_buffers(module: torch.nn.Module) -> dict[tuple[torch.nn.Module, str], torch.Tensor]:
    """Buffers that DeepSpeed may round with the model: rotary frequencies, BatchNorm's means."""
    return {
        (part, key): buffer
        for part in module.modules()
        for key, buffer in part._buffers.items()
        if buffer is not None and buffer.is_floating_point()
    }
