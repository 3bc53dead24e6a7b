"""What tensor ranks tell each other around a split region, and the masks drawn inside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from zoo.models.adapters.cut import adapters_input, added
from zoo.models.fill import is_adapted
from zoo.models.upstream import version


class Copy(torch.autograd.Function):
    """Hands on what every rank holds whole; backward sums the ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return hidden.view_as(hidden)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return summed(gradient, ctx.group), None


class Reduce(torch.autograd.Function):
    """Sums what the ranks hold; backward hands on the gradient, which every rank has whole."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, group: ProcessGroup) -> Tensor:
        return summed(hidden, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class Gather(torch.autograd.Function):
    """Joins the ranks' slices of the last dimension; backward takes the own slice."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return joined(hidden, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return own_slice(gradient, ctx.group), None


class Scatter(torch.autograd.Function):
    """Takes the own slice of the last dimension; backward joins the ranks' slices."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return own_slice(hidden, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return joined(gradient, ctx.group), None


def summed(tensor: Tensor, group: ProcessGroup) -> Tensor:
    """The sum over the group, in new memory: others may hold the tensor."""
    total = tensor.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total, group=group)
    return total


def joined(tensor: Tensor, group: ProcessGroup) -> Tensor:
    """All ranks' tensors, one after the other along the last dimension."""
    tensor = tensor.contiguous()
    parts = [torch.empty_like(tensor) for _ in range(group.size())]
    dist.all_gather(parts, tensor, group=group)
    return torch.cat(parts, dim=-1)


def own_slice(tensor: Tensor, group: ProcessGroup) -> Tensor:
    """This rank's share of the last dimension."""
    return tensor.chunk(group.size(), dim=-1)[group.rank()].contiguous()


class Region:
    """Between a column-split matrix and the row-split one that follows: ranks hold different heads.

    Inside, every rank draws its own dropout masks; outside, all draw the same, from generators
    that stand at the same place on every rank. A recomputed layer starts from the states that it
    had, so that it draws the same again. One region is open at a time, within one layer.
    """

    def __init__(self, rank: int, group: ProcessGroup, masks: bool) -> None:
        self.rank, self.group, self.masks = rank, group, masks
        self.common: list[tuple[torch.Generator, Tensor]] = []
        self.arrived: tuple[Tensor, int, Tensor] | None = None

    def copied(self, hidden: Tensor) -> Tensor:
        """What the ranks hold whole, to be used on slices.

        Query, key and value take one tensor: its gradients are added before the ranks' are, which
        makes one all-reduce of three.
        """
        if not (hidden.requires_grad and torch.is_grad_enabled()):
            return hidden
        if self.arrived is not None:
            before, count, copy = self.arrived
            if before is hidden and count == version(hidden):
                return copy
        copy = Copy.apply(hidden, self.group)
        self.arrived = hidden, version(hidden), copy
        return copy

    def enter(self, module: nn.Module, device: torch.device) -> None:
        """Gives this rank its own masks if `module` trains, until `leave`."""
        if not self.masks or not module.training or self.common:
            return
        seed = int(torch.randint(2**62, ()))
        self.common = [(own, own.get_state()) for own in generators(device)]
        for own, _ in self.common:
            own.manual_seed(seed + self.rank)

    def leave(self) -> None:
        """Puts the common states back."""
        for own, state in self.common:
            own.set_state(state)
        self.common, self.arrived = [], None

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Draws as all ranks do for a moment, amid what each draws for itself."""
        own = [(generator, generator.get_state()) for generator, _ in self.common]
        for generator, state in self.common:
            generator.set_state(state)
        try:
            yield
        finally:
            self.common = [(generator, generator.get_state()) for generator, _ in own]
            for generator, state in own:
                generator.set_state(state)


def generators(device: torch.device) -> list[torch.Generator]:
    """The default generators that modules on a device draw from; the CPU's is always one."""
    if device.type == "cpu":
        return [torch.default_generator]
    accelerator = torch.get_device_module(device)
    return [torch.default_generator, accelerator.default_generators[device.index]]


def draws_masks(model: nn.Module) -> bool:
    """Whether any module has a dropout probability above 0, as `nn.Dropout` or by attribute."""
    for module in model.modules():
        if isinstance(module, nn.Dropout) and module.p > 0:
            return True
        own = (value for key, value in vars(module).items() if "dropout" in key)
        if any(isinstance(value, float) and value > 0 for value in own):
            return True
    return False


def by_columns(region: Region, gather: bool) -> Callable[[Any, Tensor], Tensor]:
    """The forward of a column-split matrix: hidden (..., in) to this rank's slice of the output.

    With `gather` to the whole output, on every rank: no region opens.
    """

    def forward(module: Any, hidden: Tensor) -> Tensor:
        if not gather:
            region.enter(module, hidden.device)
        slice_ = type(module).forward(module, region.copied(hidden))
        if not gather:
            return slice_
        region.leave()
        return Gather.apply(slice_, region.group)

    return forward


def by_rows(region: Region, scatter: bool) -> Callable[[Any, Tensor], Tensor]:
    """The forward of a row-split matrix: this rank's slice of the input to the whole output.

    With `scatter` from the whole input, of which each rank takes its slice.
    """

    def forward(module: Any, hidden: Tensor) -> Tensor:
        beside = adapters_input(module, hidden)  # dropped as what it reads is: by each for itself
        # Before the product: a checkpoint's recomputation may end inside it, by an exception.
        region.leave()
        if scatter:
            hidden = Scatter.apply(hidden, region.group)
            beside = None if beside is None else Scatter.apply(beside, region.group)
        matrix = module.base_layer if is_adapted(module) else module
        weight = matrix.weight.t() if isinstance(matrix, Conv1D) else matrix.weight
        share = functional.linear(hidden, weight)
        if beside is not None:
            share = share + added(module, beside, weight, region.group).to(share.dtype)
        total = Reduce.apply(share, region.group)
        return total if matrix.bias is None else total + matrix.bias.to(total.dtype)

    return forward


def by_all(region: Region) -> Callable[[Any, Tensor], Tensor]:
    """The forward of a dropout inside a region over what every rank holds: one mask for all."""

    def forward(module: Any, hidden: Tensor) -> Tensor:
        with region.outside():
            found: Tensor = type(module).forward(module, hidden)
        return found

    return forward
