"""Cuts a Hugging Face model for tensor ranks from outside, by a plan in transformers' words."""

import copy
import math
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from zoo.layout import Part
from zoo.models.adapters.cut import dropouts
from zoo.models.region import Region, by_all, by_columns, by_rows, draws_masks, summed
from zoo.models.split import COLUMNS, REPLICATED, WHOLE, Split, counter_of, counters, splits
from zoo.models.stage import Family


def tensor_faults(model: PreTrainedModel, family: Family, ranks: int) -> list[tuple[str, str]]:
    """What of a meta model cannot be divided by the tensor ranks, as (found, allowed).

    Heads are never torn, key and value heads neither; the allowed degrees are those that divide
    everything that the plan splits. Needs no process group.
    """
    if ranks == 1:
        return []
    found = list(splits(model, family))
    refused = [refusal for split in found if (refusal := split.refusal())]
    if refused:
        return list(dict.fromkeys(refused))
    pieces: dict[tuple[int, str], dict[str, None]] = {}
    for split in found:
        if split.dims:
            pieces.setdefault(split.pieces(model), {})[split.pattern] = None
    for glob, module, attribute in counters(model, family):
        holder, key = counter_of(module, attribute)
        pieces.setdefault((getattr(holder, key), key), {})[glob] = None
    common = math.gcd(*(count for count, _ in pieces))
    allowed = ", ".join(str(n) for n in range(1, common + 1) if common % n == 0)
    return [
        (f"{ranks} for {count} {what} of {', '.join(patterns)}", allowed)
        for (count, what), patterns in pieces.items()
        if count % ranks
    ]


class TensorCut:
    """Makes a meta model of whole shapes this rank's share of it, from outside.

    Names and types of modules stay: forwards are replaced on the instances, attributes that count
    heads or widths divided, values cut by `settle` unit by unit. All ranks of the group then call
    the model with the same inputs and get the same outputs. With `group` None nothing runs split:
    `parts` says what a rank would hold. Raises ValueError with `tensor_faults`.
    """

    parts: dict[str, Part]
    """What this rank holds of each parameter that is split."""

    def __init__(
        self,
        model: PreTrainedModel,
        family: Family,
        rank: int,
        ranks: int,
        group: ProcessGroup | None,
    ) -> None:
        faults = tensor_faults(model, family, ranks)
        if faults:
            raise ValueError("; ".join(f"{found}; allowed: {allowed}" for found, allowed in faults))
        found = list(splits(model, family)) if ranks > 1 else []
        self.parts, self.group = {}, group
        self.slices: dict[nn.Module, dict[str, tuple[tuple[int, ...], Part]]] = {}
        self.replicated: dict[nn.Module, set[str]] = {}
        self.hooked: dict[tuple[nn.Module, str], nn.Parameter] = {}
        for split in found:
            self.note(split, rank, ranks)
        if found and group is not None:
            region = Region(rank, group, draws_masks(model))
            for split in found:
                replace_forward(split, region)
            divide(model, family, ranks)

    def note(self, split: Split, rank: int, ranks: int) -> None:
        """Remembers what `settle` is to cut, and whose gradients are partial sums."""
        if split.style == REPLICATED:
            whole = dict(split.module.named_parameters(recurse=False))
            own = [split.key] if split.key else list(whole)
            self.replicated.setdefault(split.module, set()).update(own)
        for key in split.dims:
            part = split.part(key, rank, ranks)
            self.parts[split.tensor(key)] = part
            self.slices.setdefault(split.module, {})[key] = (split.whole(key), part)

    def settle(self, root: nn.Module) -> None:
        """Cuts the tensors below `root` that hold whole values down to this rank's slices.

        Called for every unit that was filled, children first, before ZeRO partitions it. What was
        cut before, or is on meta, stays. Split parameters get `tensor_model_parallel`, by which
        DeepSpeed counts them in the gradient's norm.
        """
        for module in root.modules():
            for key, (whole, part) in self.slices.get(module, {}).items():
                parameter: Any = module.get_parameter(key)
                if parameter.is_meta or parameter.shape != whole:
                    continue
                parameter.data = taken(parameter.data, part)
                parameter.tensor_model_parallel = True
                state_widths(module)
            for key in self.replicated.get(module, ()):
                self.sum_gradient(module, key)

    def sum_gradient(self, module: nn.Module, key: str) -> None:
        """Sums a whole parameter's gradient over the ranks, before anything accumulates it."""
        parameter, group = module.get_parameter(key), self.group
        if parameter.is_meta or not parameter.requires_grad or group is None:
            return
        if self.hooked.get((module, key)) is not parameter:
            parameter.register_hook(lambda gradient: summed(gradient, group))
            self.hooked[module, key] = parameter


def taken(tensor: Tensor, part: Part) -> Tensor:
    """A part of a whole tensor, in memory of its own."""
    for dim, slices in part.cuts:
        found = [tensor.narrow(dim, start, stop - start) for start, stop in slices]
        tensor = torch.cat(found, dim)
    return tensor


def state_widths(module: nn.Module) -> None:
    """Makes the widths that a matrix states those of its slice."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, Conv1D):
        module.nx, module.nf = module.weight.shape


def replace_forward(split: Split, region: Region) -> None:
    """Puts the ranks' communication around a split matrix; bare parameters need none."""
    if split.key or split.style == REPLICATED:
        return
    if split.style == WHOLE:
        split.module.forward = MethodType(by_all(region), split.module)
        return
    make = by_columns if split.style in COLUMNS else by_rows
    whole = split.style in ("colwise_gather_output", "rowwise_split_input")
    outer: Any = split.around or split.module
    outer.forward = MethodType(make(region, whole), outer)
    if split.around is not None and split.style in COLUMNS:  # all ranks' adapters read the same
        for dropout in dropouts(outer):
            dropout.forward = MethodType(by_all(region), dropout)


def divide(model: nn.Module, family: Family, ranks: int) -> None:
    """Divides the attributes that count what is split.

    Modules whose configuration counts it share a copy of theirs: the model's own stays true.
    """
    copies: dict[int, Any] = {}
    done: set[tuple[int, str]] = set()
    for _, module, attribute in counters(model, family):
        if attribute.startswith("config."):
            share_copy(module, copies)
        holder, key = counter_of(module, attribute)
        if (id(holder), key) not in done:
            setattr(holder, key, getattr(holder, key) // ranks)
            done.add((id(holder), key))


def share_copy(module: Any, copies: dict[int, Any]) -> None:
    """Gives a module the one copy of its configuration; `copies` by the id of the original."""
    if not any(module.config is own for own in copies.values()):
        module.config = copies.setdefault(id(module.config), copy.copy(module.config))
