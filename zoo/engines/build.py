"""Builds the engine of a recipe: model, what is applied to it from outside, optimizer, DeepSpeed.

The order: meta model; the list of zoo.engines.transforms (frozen parameters, gradient
checkpointing, BatchNorm policy, the stages' bounds, the tensor ranks' slices); values unit by unit,
each cut and (ZeRO 3) partitioned at once; optimizer and schedule; deepspeed.initialize.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import deepspeed
import torch
from torch import nn
from torch.optim import Optimizer
from transformers import PreTrainedModel

from zoo.compression.optimizers.moments import MomentOptimizer
from zoo.engines import upstream
from zoo.engines.allocator import nothing_kept
from zoo.engines.contract import Contract
from zoo.engines.engine import DTYPES, Engine
from zoo.engines.exchange.build import build_exchange
from zoo.engines.groups import Groups
from zoo.engines.holdings import full_shapes, holdings
from zoo.engines.pipe import PipelineEngine
from zoo.engines.stages.module import Pipeline
from zoo.engines.state import forget
from zoo.engines.transforms import CUTS, TRAINING, Draft, Sample, applied
from zoo.engines.update.average import average_of
from zoo.engines.update.gradients import keep_copies_equal, norm_of_all_stages, sum_in_fp32
from zoo.engines.update.optimizer import build_optimizer
from zoo.engines.update.schedule import build_schedule
from zoo.engines.wrapped import Wrapped
from zoo.engines.zero import ZeroEngine
from zoo.layout import Layout, Place
from zoo.models.adapters.cut import reads_below
from zoo.models.draws import Draws
from zoo.models.fill import Weights, every, fill
from zoo.models.stage import Stage, owned_names, tied_stages
from zoo.recipe import Recipe
from zoo.recipe.derived.deepspeed import bucketed, deepspeed_config, sums_in_fp32
from zoo.recipe.derived.schedule import resolve_scheduler
from zoo.tasks.task import Task


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
) -> Engine:
    """The engine of a recipe, ready for its first step; every rank calls it, in a process group.

    `model` is `meta_model`'s and gets its values here; `steps` is the length of the run, which
    schedules and shares of it need; `sample` makes a micro-batch, for stages balanced by time.
    """
    upstream.quiet_deepspeed()
    upstream.load_muon_uncompiled()
    deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)
    config = deepspeed_config(recipe, layout)
    groups = Groups.of(layout, place.rank)
    draws = Draws(recipe.run.seed, device)
    draft = applied(Draft(model, recipe, groups, sample, device, draws), (*TRAINING, *CUTS))
    shapes = full_shapes(draft.model)
    fill_model(draft, weights, config)
    module, tied = staged(draft)
    optimizer = build_optimizer(recipe, draft.model, groups.along("data"), steps)
    inner = initialized(recipe, module, optimizer, config, layout, steps)
    held = holdings(draft.model, layout, place.rank, shapes, draft.parts, tied)
    if layout.tensor > 1:
        whole = [one.tensor for one in held.parameters if one.part is None]
        copies = [parameter for parameter in whole if parameter.requires_grad]
        keep_copies_equal(inner, copies, groups.along("tensor"))
    if layout.pipe > 1 and inner.zero_optimization():
        norm_of_all_stages(inner, groups.along("pipe", "tensor"))
    exchange = build_exchange(recipe, draft.model, held, optimizer, groups, steps)
    if exchange.averages:
        upstream.reduce_nothing(inner)
    average = partial(average_of, recipe, steps=steps)
    wrapped = Wrapped(inner, groups, held, exchange, average)
    contract = Contract(task, groups, draws, exchange, inner.module, wrapped.device, wrapped.dtype)
    kind = PipelineEngine if isinstance(module, Pipeline) else ZeroEngine
    return kind(contract, wrapped)


def fill_model(draft: Draft, weights: Weights, config: dict[str, Any]) -> None:
    """Gives the model its values; no rank holds more than its share and one unit.

    `config` is DeepSpeed's; all ranks call it.
    """
    recipe, groups, family = draft.recipe, draft.groups, draft.family
    assert groups is not None, "a model is filled for a layout"
    dtype, sharded = DTYPES[recipe.run.precision], recipe.parallel.zero.get("stage", 0) == 3

    unit = upstream.model_parallel_unit(groups.layout) if sharded else None

    def settle(root: nn.Module) -> None:
        draft.slice(root)
        own = [p for p in root.parameters() if not upstream.is_sharded(p)] if sharded else []
        for parameter in own:
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(dtype)
        if own:
            upstream.shard(root, config, groups.along("data"), unit)

    wanted: Callable[[str], bool] = every
    if draft.bounds and family is not None:
        stage = groups.layout.stage(groups.rank)
        wanted = owned_names(draft.model, family, draft.bounds, stage).__contains__
    with nothing_kept():
        fill(draft.model, recipe.run.seed, weights, draft.device, settle, wanted, draft.pack)
    if sharded:
        for layer in filter(reads_below, draft.model.modules()):
            for parameter in layer.parameters():
                deepspeed.zero.register_external_parameter(layer, parameter)


def staged(draft: Draft) -> tuple[nn.Module, dict[str, list[int]]]:
    """What DeepSpeed is given: the model, or this rank's stage of it, and what stages share."""
    model, groups, family = draft.model, draft.groups, draft.family
    if not draft.bounds or family is None or groups is None:
        return model, {}
    stage = Stage(model, family, draft.bounds, groups.layout.stage(groups.rank), draft.seeds)
    pipeline = Pipeline(stage, groups.layout, groups.rank)
    tied = tied_stages(model, family, draft.bounds)
    pipeline.tie(model, groups, tied)
    return pipeline, tied


def initialized(
    recipe: Recipe, module: nn.Module, optimizer: Optimizer, config: dict[str, Any],
    layout: Layout, steps: int,
) -> Any:  # fmt: skip
    """DeepSpeed's engine around module and optimizer, with nothing of them changed by its start."""
    config = bucketed(config, trained_elements(optimizer))
    fresh = optimizer.counters() if isinstance(optimizer, MomentOptimizer) else {}
    schedule = build_schedule(optimizer, resolve_scheduler(recipe, steps))
    buffers = fp32_buffers(module)
    in_stages = isinstance(module, Pipeline)
    with upstream.zero_1_kept(), upstream.patient_groups():
        engine, *_ = deepspeed.initialize(
            model=module,
            optimizer=optimizer,
            lr_scheduler=schedule,
            config=config,
            mpu=None if in_stages else upstream.model_parallel_unit(layout),
        )
    for (part, key), value in buffers.items():
        setattr(part, key, value)
    if not engine.zero_optimization() and recipe.run.precision != "fp32":
        # FP16_UnfusedOptimizer takes a step with zero gradients to make its state; undo it.
        forget(optimizer, fresh)
        upstream.weights_to_masters(engine)
        if sums_in_fp32(recipe):
            sum_in_fp32(engine)
            upstream.norm_as_summed(engine)
    return engine


def trained_elements(optimizer: Optimizer) -> int:
    """How many elements an optimizer updates; of partitioned parameters all of them."""
    trained = (p for group in optimizer.param_groups for p in group["params"])
    return sum(upstream.elements(parameter) for parameter in trained)


def fp32_buffers(module: torch.nn.Module) -> dict[tuple[torch.nn.Module, str], torch.Tensor]:
    """Buffers that DeepSpeed may round with the model: rotary frequencies, BatchNorm's means."""
    return {
        (part, key): buffer
        for part in module.modules()
        for key, buffer in part.named_buffers(recurse=False, remove_duplicate=False)
        if buffer.is_floating_point()
    }
