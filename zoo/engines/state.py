"""The one module that knows DeepSpeed's optimizers inside: masters, moments and their refresh.

Upstream: deepspeed/runtime/zero/stage_1_and_2.py, stage3.py, fp16/unfused_optimizer.py (0.19).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from zoo.compression.optimizers.moments import MomentOptimizer
from zoo.engines.engine import Fragment
from zoo.engines.holdings import Holding, Holdings
from zoo.engines.update.optimizer import state_names


@dataclass(frozen=True)
class Owned:
    """What this rank updates of one parameter, from its `start` on: elements of what the optimizer
    was given (`whole`), from `begin` on, and of each state of that."""

    whole: Tensor
    begin: int
    count: int
    start: int
    replicated: bool

    def of(self, tensor: Tensor) -> Tensor:
        """The same elements of a tensor of that size."""
        return tensor.data.view(-1).narrow(0, self.begin, self.count)

    def states(self, optimizer: Optimizer) -> dict[str, Tensor]:
        """The states by name; made where no step has made them yet."""
        state = ready(optimizer, self.whole)
        return {name: self.of(state[name]) for name in state_names(optimizer)}


def torch_optimizer(engine: Any) -> Optimizer:
    """The torch optimizer inside whatever DeepSpeed wrapped around it."""
    inner: Optimizer = getattr(engine.optimizer, "optimizer", engine.optimizer)
    return inner


def ready(optimizer: Optimizer, master: Tensor) -> dict[str, Any]:
    """The optimizer's state of one master; made as zeros where no step has made it yet."""
    if isinstance(optimizer, MomentOptimizer):
        return dict(optimizer.attached()[master])
    state = optimizer.state[master]
    for name in state_names(optimizer):
        if state.get(name) is None:
            state[name] = torch.zeros_like(master, requires_grad=False)
    if not isinstance(optimizer, torch.optim.SGD) and "step" not in state:
        state["step"] = torch.tensor(0.0, device=step_device(optimizer, master))
    return dict(state)


def step_device(optimizer: Optimizer, master: Tensor) -> torch.device:
    """Where the step counter lies: beside the master for torch's fused kernels, else on the CPU."""
    fused = optimizer.defaults.get("fused") or optimizer.defaults.get("capturable")
    return master.device if fused else torch.device("cpu")


def owned_plain(engine: Any, parameter: nn.Parameter) -> Owned:
    """ZeRO 0: every rank has all of it; low precision keeps fp32 masters beside the weights."""
    master: Tensor = parameter
    for low, high in zip(
        *(getattr(engine.optimizer, g, []) for g in ("fp16_groups", "fp32_groups")), strict=True
    ):
        master = next((h for p, h in zip(low, high, strict=True) if p is parameter), master)
    return Owned(master, 0, parameter.numel(), 0, replicated=True)


def owned_partitioned(engine: Any, parameter: nn.Parameter) -> Owned | None:
    """ZeRO 1 and 2: a range of the group's flat partition, or nothing."""
    link = parameter._hp_mapping  # type: ignore[attr-defined]
    if link is None:
        return None
    flat = engine.optimizer.single_partition_of_fp32_groups[link.param_group_index]
    place = link.hp_fragment_address
    start = link.lp_fragment_address.start
    return Owned(flat, place.start, place.numel, start, replicated=False)


def owned_sharded(engine: Any, parameter: Any, rank: int) -> Owned | None:
    """ZeRO 3: the rank's equal share of the flattened parameter, without the padding at its end."""
    optimizer = engine.optimizer
    group, begin, size = optimizer.grad_position[optimizer.get_param_id(parameter)]
    count = min(size, parameter.ds_numel - rank * size)
    if count <= 0:
        return None
    flat = optimizer.fp32_partitioned_groups_flat[group]
    return Owned(flat, begin, count, rank * size, replicated=False)


def owned(engine: Any, parameter: Any, rank: int) -> Owned | None:
    """What data rank `rank` updates of a trained parameter, at any ZeRO stage."""
    if engine.zero_optimization_stage() == 3:
        return owned_sharded(engine, parameter, rank)
    if engine.zero_optimization():
        return owned_partitioned(engine, parameter)
    return owned_plain(engine, parameter)


def fragments(engine: Any, held: Holdings, rank: int, ranks: int) -> Iterator[Fragment]:
    """All fragments of data rank `rank` of `ranks`; replicas over data ranks are written by one."""
    yield from masters(engine, held, rank, ranks)
    for one, own, primary in trained(engine, held, rank, ranks):
        for key, tensor in own.states(torch_optimizer(engine)).items():
            yield Fragment(f"{key}/{one.name}", one.shape, own.start, tensor, primary, one.part)
    for index, one in enumerate(held.parameters):
        if not (one.tensor.requires_grad or one.given):
            yield from frozen(one, rank, index % ranks == rank)
    for one in held.buffers:
        flat, primary = one.tensor.data.view(-1), one.counted and rank == 0
        yield Fragment(f"buffer/{one.name}", one.shape, 0, flat, primary)


def masters(engine: Any, held: Holdings, rank: int, ranks: int) -> Iterator[Fragment]:
    """The trained parameters in the optimizer's precision: the first of a rank's fragments."""
    for one, own, primary in trained(engine, held, rank, ranks):
        value = own.of(own.whole)
        yield Fragment(f"param/{one.name}", one.shape, own.start, value, primary, one.part)


def trained(
    engine: Any, held: Holdings, rank: int, ranks: int
) -> Iterator[tuple[Holding, Owned, bool]]:
    """What data rank `rank` updates, and whether it is the one that writes it."""
    for index, one in enumerate(held.parameters):
        if one.tensor.requires_grad and (own := owned(engine, one.tensor, rank)):
            yield one, own, one.counted and (index % ranks == rank or not own.replicated)


def frozen(one: Holding, rank: int, turn: bool) -> Iterator[Fragment]:
    """A parameter that is not trained: whole, or under ZeRO 3 the rank's share."""
    parameter: Any = one.tensor
    key = f"param/{one.name}"
    if not hasattr(parameter, "ds_tensor"):
        flat = parameter.data.view(-1)
        yield Fragment(key, one.shape, 0, flat, one.counted and turn, one.part)
        return
    size = parameter.ds_tensor.numel()
    count = min(size, parameter.ds_numel - rank * size)
    if count > 0:
        flat = parameter.ds_tensor.data.narrow(0, 0, count)
        yield Fragment(key, one.shape, rank * size, flat, one.counted, one.part)


def refresh(engine: Any) -> None:
    """Masters to model weights, after fragments were written; all ranks must call it."""
    optimizer = engine.optimizer
    if engine.zero_optimization_stage() == 3:
        refresh_sharded(optimizer)
    elif engine.zero_optimization():
        optimizer.update_lp_params()
    else:
        for low, high in zip(
            *(getattr(optimizer, g, []) for g in ("fp16_groups", "fp32_groups")), strict=True
        ):
            for parameter, master in zip(low, high, strict=True):
                parameter.data.copy_(master.data)


def refresh_sharded(optimizer: Any) -> None:
    """ZeRO 3: shares, views on them, then the small parameters that every rank keeps whole.

    What is still gathered, as its next use is near, goes first: it would keep its values.
    """
    optimizer.parameter_offload.partition_all_parameters()
    for index, parameters in enumerate(optimizer.fp16_partitioned_groups):
        flat = optimizer.fp16_partitioned_groups_flat[index]
        flat.data.copy_(optimizer.fp32_partitioned_groups_flat[index].data)
        for part, value in zip(parameters, optimizer.unflatten(flat, parameters), strict=True):
            part.data = value
    if kept := optimizer.persistent_parameters:
        kept[0].all_gather(kept)


def counters(engine: Any) -> dict[str, Any]:
    """What an optimizer of ours counts for all its parameters at once, JSON-ready."""
    optimizer = torch_optimizer(engine)
    return optimizer.counters() if isinstance(optimizer, MomentOptimizer) else {}


def set_steps(engine: Any, applied: int, counted: dict[str, Any]) -> None:
    """Writes the number of applied updates into every state that counts them.

    Goes by the states: ZeRO 3 leaves its groups without parameters between two steps.
    """
    optimizer = torch_optimizer(engine)
    if isinstance(optimizer, MomentOptimizer):
        optimizer.load_counters(counted)
        return
    for state in optimizer.state.values():
        if "step" in state:
            state["step"] = torch.full_like(torch.as_tensor(state["step"]), float(applied))


SCALER_WORDS = ("cur_scale", "cur_iter", "last_overflow_iter", "cur_hysteresis")


def scaler_of(engine: Any) -> Any:
    """The fp16 loss scaler, or None."""
    optimizer = engine.optimizer
    found = getattr(optimizer, "loss_scaler", None) or getattr(optimizer, "loss_scale_config", None)
    return found if hasattr(found, "cur_scale") else None


def scaler_state(engine: Any) -> dict[str, float]:
    """The loss scaler's numbers, empty without one."""
    scaler = scaler_of(engine)
    return {word: getattr(scaler, word) for word in SCALER_WORDS if hasattr(scaler, word)}


def set_scaler(engine: Any, numbers: dict[str, float]) -> None:
    """Takes up the loss scaler's numbers."""
    scaler = scaler_of(engine)
    for word, value in numbers.items():
        if hasattr(scaler, word):
            setattr(scaler, word, value)


def forget_gradients(engine: Any) -> None:
    """Zeroes the gradients that ZeRO keeps from one step to the next: at stage 3, and offloaded.

    It writes those that come, so a parameter without one (left out by LayerDrop, not used) would be
    updated by its last.
    """
    if not engine.zero_optimization():
        return
    optimizer = engine.optimizer
    if engine.zero_optimization_stage() == 3:
        kept = [optimizer.grad_partitions_flat_buffer]
        kept += [flat.grad for flat in optimizer.fp32_partitioned_groups_flat]
    else:
        kept = [flat.grad for flat in optimizer.single_partition_of_fp32_groups]
    for gradient in kept:
        if gradient is not None:
            gradient.zero_()


def forget(optimizer: Optimizer, fresh: dict[str, Any]) -> None:
    """Undoes a first call with zero gradients; `fresh` is what an optimizer of ours counted."""
    if isinstance(optimizer, MomentOptimizer):
        optimizer.load_counters(fresh)
    else:
        optimizer.state.clear()
