"""The names that DeepSpeed does not promise, each behind a small function that names its file.

state.py alone knows more: the insides of its optimizers. Paths are those of deepspeed 0.19.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
from deepspeed.comm.torch import TorchBackend
from deepspeed.runtime.engine import BFLOAT16, ZERO_OPTIMIZATION, DeepSpeedEngine
from deepspeed.runtime.fp16 import unfused_optimizer
from deepspeed.runtime.pipe.topology import PipelineParallelGrid, PipeModelDataParallelTopology
from deepspeed.utils import logger
from torch import Tensor, nn
from torch.optim import Optimizer

from zoo.engines.groups import time_out
from zoo.layout import Layout


def quiet_deepspeed() -> None:
    """Keeps DeepSpeed from compiling its shared-memory op, leaving /dev/shm segments, and talking.

    The op is built in every CPU start and its segments are never unlinked (deepspeed/comm/torch.py,
    csrc/cpu/comm/shm_interface.cpp, ops/__init__.py); training collectives do not use it.
    """
    os.environ.pop("LOCAL_SIZE", None)
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    logger.setLevel(logging.ERROR)
    # Torch 2.13 renamed collectives; DeepSpeed, and torch before it, have the old names alone.
    old = r"`torch\.distributed\.(all_gather_into|reduce_scatter)_tensor` is deprecated"
    warnings.filterwarnings("ignore", old, FutureWarning)


def load_muon_uncompiled() -> None:
    """Imports DeepSpeed's Muon, which ZeRO asks about under every optimizer, without a compiler.

    Compiling its functions where they are defined loads all of torch's, more than a second of every
    rank's start. Nobody calls them: the zoo's Muon is update/algorithms.py: Muon
    (runtime/zero/muon/original_muon.py; TORCHDYNAMO_DISABLE is of torch/_dynamo/eval_frame.py).
    """
    said = os.environ.get("TORCHDYNAMO_DISABLE")
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    try:
        import_module("deepspeed.runtime.zero.muon.muon_optimizer")
    finally:
        del os.environ["TORCHDYNAMO_DISABLE"]
        if said is not None:
            os.environ["TORCHDYNAMO_DISABLE"] = said


@contextmanager
def patient_groups() -> Iterator[None]:
    """While it is open, the groups that DeepSpeed makes for itself wait as long as ours.

    It passes no time-out on (comm/torch.py: TorchBackend.new_group).
    """
    own = TorchBackend.new_group

    def patient(backend: Any, ranks: Any) -> Any:
        return dist.new_group(ranks, timeout=time_out())

    TorchBackend.new_group = patient
    try:
        yield
    finally:
        TorchBackend.new_group = own


def topology(layout: Layout) -> PipeModelDataParallelTopology:
    """DeepSpeed's name for the layout; its axes stand in the same order (held by a test).

    runtime/pipe/topology.py.
    """
    return PipeModelDataParallelTopology(
        num_pp=layout.pipe, num_mp=layout.tensor, num_dp=layout.data
    )


def model_parallel_unit(layout: Layout) -> PipelineParallelGrid | None:
    """What `deepspeed.initialize(mpu=...)` asks for ranks, where tensors are split.

    runtime/pipe/topology.py.
    """
    if layout.tensor == 1:
        return None
    with redirect_stdout(StringIO()):  # it prints its topology on rank 0
        return PipelineParallelGrid(topology=topology(layout))


def is_sharded(parameter: Tensor) -> bool:
    """Whether ZeRO 3 has taken a parameter over (runtime/zero/partition_parameters.py)."""
    return hasattr(parameter, "ds_id")


def elements(parameter: Tensor) -> int:
    """How many elements a whole parameter has, where ZeRO 3 has emptied it too
    (runtime/zero/partition_parameters.py).
    """
    return int(getattr(parameter, "ds_numel", parameter.numel()))


def shard(module: nn.Module, config: dict[str, Any], data: Any, unit: Any) -> None:
    """Partitions a module's parameters over the data ranks; all of them call it. `unit` is
    `model_parallel_unit`'s.

    `zero.Init(module=...)`, runtime/zero/partition_parameters.py.
    """
    deepspeed.zero.Init(
        module=module, config_dict_or_path=config, data_parallel_group=data, mpu=unit
    )


def weights_to_masters(engine: Any) -> None:
    """The fp32 masters of ZeRO 0 from the weights (runtime/fp16/unfused_optimizer.py)."""
    engine.optimizer.refresh_fp32_params()


def norm_as_summed(engine: Any) -> None:
    """Takes the norm at ZeRO 0 in half precision of the gradients as they are summed, in fp32.

    Upstream rounds each of them to the weights' type for it: 3e-4 off in bf16, and in fp16 infinite
    where a sum is beyond 65,504. `step`, runtime/fp16/unfused_optimizer.py.
    """
    step = engine.optimizer.step

    def stepped(*args: Any, **options: Any) -> Any:
        rounded = unfused_optimizer.split_params_grads_into_shared_and_expert_params
        unfused_optimizer.split_params_grads_into_shared_and_expert_params = as_summed
        try:
            return step(*args, **options)
        finally:
            unfused_optimizer.split_params_grads_into_shared_and_expert_params = rounded

    engine.optimizer.step = stepped


def as_summed(group: list[nn.Parameter]) -> tuple[list[Tensor], list[Tensor]]:
    """The gradients of a group, unrounded, and none of experts (moe/utils.py)."""
    return [parameter.grad for parameter in group if parameter.grad is not None], []


@contextmanager
def zero_1_kept() -> Iterator[None]:
    """While it is open, ZeRO 1 that sums bf16 gradients in fp32 gets the class of ZeRO 1.

    DeepSpeed would take its BF16_Optimizer, another form of the same state that few of its other
    parts know; the class that ZeRO 1 has otherwise sums in fp32 as well (`grad_accum`,
    runtime/zero/stage_1_and_2.py). `_do_optimizer_sanity_check`, runtime/engine.py.
    """
    own = DeepSpeedEngine._do_optimizer_sanity_check

    def kept(engine: Any, optimizer: Optimizer) -> Any:
        kind = own(engine, optimizer)
        return ZERO_OPTIMIZATION if kind == BFLOAT16 and engine.zero_optimization() else kind

    DeepSpeedEngine._do_optimizer_sanity_check = kept
    try:
        yield
    finally:
        DeepSpeedEngine._do_optimizer_sanity_check = own


def reduce_nothing(engine: Any) -> None:
    """Leaves averaging the gradients to us (runtime/engine.py, runtime/pipe/engine.py)."""
    engine.enable_backward_allreduce = False
    engine.pipeline_enable_backward_allreduce = False


def leave_clipping(engine: Any) -> None:
    """Leaves clipping at ZeRO 0 in fp32 to us: upstream computes the norm and drops it.

    `clip_fp32_gradients`, runtime/engine.py.
    """
    engine.clip_fp32_gradients = lambda: None


def dtype_of(engine: Any) -> torch.dtype:
    """The type of the model's weights (`get_data_types`, runtime/engine.py)."""
    dtype: torch.dtype = engine.get_data_types()[0]
    return dtype


def given_optimizer(engine: Any) -> Optimizer:
    """The optimizer that was handed over, without what DeepSpeed put around it.

    `basic_optimizer`, runtime/engine.py.
    """
    optimizer: Optimizer = engine.basic_optimizer
    return optimizer


def skipped_steps(engine: Any) -> int:
    """How many steps were not finite, or without a target, and so not taken (runtime/engine.py)."""
    found: int = engine.skipped_steps
    return found


def count_skipped(engine: Any) -> None:
    """Counts a step that no rank takes: neither weights nor schedule move."""
    set_counts(engine, engine.global_steps + 1, engine.skipped_steps + 1)


def set_counts(engine: Any, steps: int, skipped: int) -> None:
    """Makes the engine go on after `steps`, of which it skipped some (runtime/engine.py)."""
    engine.global_steps, engine.skipped_steps = steps, skipped


def loss_scale(engine: Any) -> float:
    """The factor on fp16 losses at ZeRO 0 (runtime/fp16/unfused_optimizer.py)."""
    return float(engine.optimizer.loss_scale)


def update_only_if(engine: Any, due: Callable[[], bool]) -> None:
    """Asks `due` where a step or a pipeline's schedule would update; all ranks are told the same.

    An update that is not due is skipped as DeepSpeed skips one that overflows: gradients are
    dropped, the schedule stays, the step counts as skipped. For ZeRO 0, where they are the
    parameters'. `_take_model_step`, runtime/engine.py, called there and in runtime/pipe/engine.py.
    """
    take = engine._take_model_step

    def taken(lr_kwargs: Any = None) -> None:
        if due():
            take(lr_kwargs)
            return
        engine.zero_grad()
        count_skipped(engine)

    engine._take_model_step = taken


def set_loss(engine: Any, loss: Callable[[Any, Tensor], Tensor]) -> None:
    """What a pipeline's last stage calls with its outputs (runtime/pipe/{module,engine}.py)."""
    engine.module.loss_fn = loss
