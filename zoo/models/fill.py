"""Gives a model built on the meta device its values, unit by unit, so that nobody need hold it
whole.

Initial weights are a pure function of (seed, module name): the same on every layout, stage and
partition.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedModel

from zoo.models.names import plain
from zoo.models.upstream import initialise_own, version
from zoo.telling.phases import shown


class Weights(Protocol):
    """Tensors under module names: a pretrained checkpoint or an earlier run."""

    def names(self) -> frozenset[str]: ...

    def shape(self, name: str) -> tuple[int, ...]: ...

    def tensor(self, name: str) -> Tensor: ...


class NoWeights:
    """Random weights: nothing is given."""

    def names(self) -> frozenset[str]:
        return frozenset()

    def shape(self, name: str) -> tuple[int, ...]:
        raise KeyError(name)

    def tensor(self, name: str) -> Tensor:
        raise KeyError(name)


@dataclass(frozen=True)
class Unit:
    """Modules that are filled together, children first, each with the model whose `_init_weights`
    is its own.
    """

    root: nn.Module
    members: list[tuple[str, nn.Module, PreTrainedModel]]


def leave(root: nn.Module) -> None:
    """What happens to a filled unit of a model that is not partitioned: nothing."""


def every(name: str) -> bool:
    """The tensors that a rank without pipeline stages needs: all."""
    return True


def fill(
    model: PreTrainedModel,
    seed: int,
    weights: Weights,
    device: torch.device,
    settle: Callable[[nn.Module], None] = leave,
    wanted: Callable[[str], bool] = every,
    pack: Callable[[nn.Module], None] = leave,
) -> None:
    """Fills a meta model on `device`: initial values under (seed, name), then `weights`' tensors.

    Values are drawn on the CPU: a GPU's generator gives other numbers on another GPU.
    Every rank must call it with the same seed and weights. Each unit is filled whole and handed to
    `pack`, which may keep its values in fewer bits, and to `settle`, which may cut or partition it:
    no rank holds more than its share and one unit. Units
    without a tensor that is `wanted` stay on meta. Tied tensors take the values of the module that
    they are tied to. A given tensor may have another number of rows (see `put`).
    """
    given = weights.names()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for unit in shown(units(model), "loading weights" if given else "drawing weights", "parts"):
            if not any(wanted(name) for name, _ in own_tensors(unit)):
                continue
            for _, module, _ in unit.members:
                module.to_empty(device="cpu", recurse=False)
                spoil(module)
            for name, module, owner in unit.members:
                number = zlib.crc32(f"{seed}:{drawn_as(name, module)}".encode())
                torch.default_generator.manual_seed(number)  # torch.manual_seed walks the stack
                initialise(module, owner)
            for name, tensor in own_tensors(unit):
                if plain(name) in given:
                    put(tensor, weights.tensor(plain(name)))
            for _, module, _ in unit.members:
                move(module, device)
            pack(unit.root)
            for name, module, _ in unit.members:
                measure(name, module, given)
            settle(unit.root)
    model.tie_weights(recompute_mapping=False)  # what was untied stays so


def drawn_as(name: str, module: nn.Module) -> str:
    """The name that a module's values are drawn by: of what an adapter stands around its own."""
    return f"{name}.lora" if is_adapted(module) else plain(name)


def is_adapted(module: nn.Module) -> bool:
    """Whether a module is PEFT's around an adapted one (peft/tuners/lora/layer.py: LoraLayer)."""
    return hasattr(module, "reset_lora_parameters")


def measure(name: str, module: Any, given: frozenset[str]) -> None:
    """Sets DoRA's lengths to those of the rows that were filled, unless they were given (peft/
    tuners/lora/dora.py: update_layer): the adapted matrix begins as it is.
    """
    if not is_adapted(module):
        return
    for key, lengths in module.lora_magnitude_vector.items():
        if f"{name}.lora_magnitude_vector.{key}.weight" not in given:
            product = module.lora_B[key].weight @ module.lora_A[key].weight
            weight = whole_weight(module.get_base_layer())
            norms = lengths.get_weight_norm(weight, product, module.scaling[key])
            lengths.weight.copy_(norms)


def whole_weight(module: nn.Module) -> Tensor:
    """A layer's weight as it is multiplied by, of one that is kept in fewer bits unpacked."""
    from peft.utils.integrations import dequantize_module_weight

    weight: Tensor = dequantize_module_weight(module)
    return weight


_SPREAD = 0.01  # of the initial values; nearly the mean, and no two rows alike


def put(tensor: Tensor, found: Tensor) -> None:
    """Writes what a checkpoint has over initial values, row by row where there are more or fewer.

    Rows that the checkpoint lacks are drawn close to the mean of its own, so that a new token is
    no likelier than the old ones are on average (as transformers' `mean_resizing`; Hewitt 2021).
    """
    if tensor.shape == found.shape:
        tensor.copy_(found)
        return
    rows = min(len(tensor), len(found))
    tensor[:rows].copy_(found[:rows])
    if rows < len(tensor):
        tensor[rows:].mul_(_SPREAD).add_(found.float().mean(0).to(tensor.device))


def units(model: PreTrainedModel) -> list[Unit]:
    """Single modules, except where initialising a parent writes into its children (gpt2 re-scales
    `c_proj`; weight norm): there the parent and all below it. `model` must be on meta."""
    parents = {n: part for n, part in model.named_modules() if isinstance(part, PreTrainedModel)}
    found: list[tuple[str, Unit]] = []
    with torch.no_grad():
        for name, module in children_first(model):
            members = [(name, module, nearest(parents, name))]
            if reaches_down(module, members[0][2]):
                inside = f"{name}." if name else ""
                below = [unit for other, unit in found if other.startswith(inside)]
                found = [(other, unit) for other, unit in found if not other.startswith(inside)]
                members = [member for unit in below for member in unit.members] + members
            found.append((name, Unit(module, members)))
    return [unit for _, unit in found]


def reaches_down(module: nn.Module, owner: PreTrainedModel) -> bool:
    """Whether initialising `module` writes parameters of its children; seen from a dry run on
    meta.
    """
    if is_adapted(module) or any(map(parametrize.is_parametrized, module.children())):
        return True
    below = [p for child in module.children() for p in child.parameters()]
    before = [version(parameter) for parameter in below]
    initialise_own(owner, module)
    return any(version(p) != count for p, count in zip(below, before, strict=True))


def children_first(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """All modules with their names, every child before its parent."""
    for key, child in module.named_children():
        yield from children_first(child, f"{name}.{key}" if name else key)
    yield name, module


def nearest(parents: dict[str, PreTrainedModel], name: str) -> PreTrainedModel:
    """The PreTrainedModel at or above a module."""
    while name not in parents:
        name = name.rpartition(".")[0]
    return parents[name]


def own_tensors(unit: Unit) -> Iterator[tuple[str, Tensor]]:
    """The parameters and buffers of a unit's members, by full name."""
    for name, module, _ in unit.members:
        for key, tensor in direct(module):
            yield f"{name}.{key}" if name else key, tensor


def direct(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """A module's parameters and buffers without its children's, by key; tied ones too."""
    yield from module.named_parameters(recurse=False, remove_duplicate=False)
    yield from module.named_buffers(recurse=False, remove_duplicate=False)


def move(module: nn.Module, device: torch.device) -> None:
    """Takes a module's own parameters and buffers from the CPU to where the model is."""
    for key, tensor in list(direct(module)):
        if tensor.device != device:
            there = tensor.detach().to(device)
            trained = isinstance(tensor, nn.Parameter)
            setattr(module, key, nn.Parameter(there, tensor.requires_grad) if trained else there)


def spoil(module: nn.Module) -> None:
    """Writes NaN where a value must come, so that a forgotten one is seen."""
    for _, tensor in direct(module):
        if tensor.is_floating_point():
            tensor.fill_(float("nan"))


def initialise(module: nn.Module, owner: PreTrainedModel) -> None:
    """Runs the model's own `_init_weights` on one module.

    A child's parametrized weight (weight norm) is written through its parametrization; what a
    family's `_init_weights` forgets gets a small normal, so that no NaN survives.
    """
    if is_adapted(module):
        start: Any = module
        start.reset_lora_parameters("default", True)  # A by Kaiming's rule, B 0: it adds nothing
        return
    wrapped = [child for child in module.children() if parametrize.is_parametrized(child)]
    for child in wrapped:
        for parameter in child.parameters():
            parameter.fill_(1.0)
    with parametrize.cached():
        values = [(c, key, getattr(c, key)) for c in wrapped for key in dict(c.parametrizations)]  # type: ignore[arg-type]
        initialise_own(owner, module)
    for child, key, value in values:
        setattr(child, key, value)
    for tensor in module.parameters(recurse=False):
        if tensor.numel() and bool(tensor.flatten()[0].isnan()):
            tensor.normal_(0.0, 0.02)
