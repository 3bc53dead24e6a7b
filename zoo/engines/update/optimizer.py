"""Builds the optimizer that a recipe names: parameter groups, and torch's classes or ours."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from zoo.compression.optimizers.frozen_adam import FrozenAdam
from zoo.compression.optimizers.moments import MomentOptimizer
from zoo.engines.update.depth import shares
from zoo.models.build import matched, pattern_meant
from zoo.models.names import parameters_of
from zoo.recipe import Recipe, origin
from zoo.recipe.derived.exchange import (
    averages_itself,
    freezes_variance,
    optimizer_of,
    replaces_momentum,
    steps_before,
    steps_of,
    zero_stage,
)
from zoo.recipe.instead import renamed
from zoo.recipe.vocabulary.named import named
from zoo.recipe.vocabulary.optimizers import hyper_parameters
from zoo.recipe.vocabulary.parameters import counts


def adam(params: Any, adam_w_mode: bool = True, **settings: Any) -> Optimizer:
    """DeepSpeed's `Adam` and `AdamW`: AdamW unless `adam_w_mode` is false; torch's fused
    kernels.
    """
    kind = torch.optim.AdamW if adam_w_mode else torch.optim.Adam
    return kind(params, fused=True, **settings)


def sgd(params: Any, **settings: Any) -> Optimizer:
    """torch's SGD; its fused kernels."""
    return torch.optim.SGD(params, fused=True, **settings)


def dimensions(parameter: nn.Parameter) -> int:
    """How many dimensions a parameter has, partitioned or not."""
    return len(getattr(parameter, "ds_shape", parameter.shape))


def embeddings(model: nn.Module) -> set[int]:
    """The ids of embedding and output matrices, which are no hidden ones."""
    found = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    head = getattr(model, "get_output_embeddings", lambda: None)()
    return found | ({id(head.weight)} if head is not None else set())


def settings_of(recipe: Recipe, model: nn.Module) -> dict[str, dict[str, Any]]:
    """Each trained parameter's own settings: weight decay rule, section, its depth, then
    matching groups.
    """
    section, each = recipe.optimizer, optimizer_of(recipe).each
    own = named(each) if each else None
    outer = embeddings(model) if each else set()
    falling, rate = shares(recipe, model), hyper_parameters(section, {})["lr"]
    trained = {name: p for name, p in parameters_of(model) if p.requires_grad}
    found: dict[str, dict[str, Any]] = {}
    for name, parameter in trained.items():
        matrix = dimensions(parameter) >= 2
        bare = section.weight_decay_on == "matrices" and not matrix
        found[name] = {"weight_decay": 0.0} if bare else {}
        if own is not None:
            found[name] |= own(section.params, matrix and id(parameter) not in outer)
        if name in falling:
            found[name]["lr"] = found[name].get("lr", rate) * falling[name]

    def way(pattern: str, names: Sequence[str]) -> str:
        return renamed(recipe, f"optimizer.groups.{pattern}", pattern_meant(pattern, names))

    for pattern, changes in section.groups.items():
        key = f"optimizer.groups.{pattern}"
        for name in matched([pattern], list(trained), origin(recipe, key), key, way):
            found[name] |= changes
    return found


def everywhere(parameter: nn.Parameter) -> bool:
    """Without pipeline stages a rank has every parameter."""
    return True


def filled(parameter: nn.Parameter) -> bool:
    """Parameters of other pipeline stages stay on meta."""
    return not parameter.is_meta


def parameter_groups(
    recipe: Recipe, model: nn.Module, here: Callable[[nn.Parameter], bool] = everywhere
) -> list[dict[str, Any]]:
    """Groups of parameters with equal settings, in the order of their first member.

    `names` stands beside `params`. Patterns speak of the whole model; `here` says which parameters
    this rank has.
    """
    parameters = {name: p for name, p in parameters_of(model) if here(p)}
    groups: dict[str, dict[str, Any]] = {}
    for name, settings in settings_of(recipe, model).items():
        if name not in parameters:
            continue
        group = groups.setdefault(
            repr(sorted(settings.items())), settings | {"params": [], "names": []}
        )
        group["params"].append(parameters[name])
        group["names"].append(name)
    return list(groups.values())


def build_optimizer(recipe: Recipe, model: nn.Module, data: Any, steps: int) -> Optimizer:
    """The optimizer of the recipe over the trained parameters that this rank has.

    `data` is the group of the data ranks, over which some optimizers average; `steps` the length
    of the run, of which some settings are shares.
    """
    entry = optimizer_of(recipe)
    kernels = set(entry.kernels)
    settings = tupled(without(hyper_parameters(recipe.optimizer, {}), kernels))
    groups = [
        tupled(without(group, kernels | {"names"}))
        for group in parameter_groups(recipe, model, filled)
    ]
    if averages_itself(recipe):
        return communicating(recipe, groups, settings, data, steps)
    if freezes_variance(recipe):
        settings = without(settings, {"amsgrad"})
        return FrozenAdam(groups, freeze_step=max(1, steps_before(recipe, steps)), **settings)
    if replaces_momentum(recipe):
        settings |= {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
        groups = [group | {"weight_decay": 0.0} for group in groups]
    made: Optimizer = named(entry.made_by)(groups, **settings)
    return made


def communicating(
    recipe: Recipe, groups: list[dict[str, Any]], settings: dict[str, Any], data: Any, steps: int
) -> Optimizer:
    """An optimizer that averages over the data ranks; under ZeRO 1 its sharded form."""
    section, entry = recipe.optimizer, optimizer_of(recipe)
    for name in counts(entry.parameters):
        settings[name] = steps_of(settings[name], steps)
    settings = without(settings, set(entry.unused))
    sharded = zero_stage(recipe) == 1
    if not sharded:
        settings = without(settings, {"parameter_codec"})  # nobody sends parameters down
    kind = named(entry.sharded_by if sharded else entry.made_by)
    made: Optimizer = kind(groups, group=data, clipping=section.gradient_clipping, **settings)
    return made


def without(settings: dict[str, Any], words: set[str]) -> dict[str, Any]:
    """The settings less some words."""
    return {key: value for key, value in settings.items() if key not in words}


def tupled(settings: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that optimizers take."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def state_names(optimizer: Optimizer) -> Iterable[str]:
    """The names of an optimizer's tensor states (without `step`), before any step was taken."""
    known = {
        torch.optim.SGD: ("momentum_buffer",),
        torch.optim.Adam: ("exp_avg", "exp_avg_sq"),
        torch.optim.AdamW: ("exp_avg", "exp_avg_sq"),
    }
    if isinstance(optimizer, MomentOptimizer):
        return tuple(next(iter(optimizer.attached().values())))
    if isinstance(optimizer, torch.optim.SGD) and not optimizer.defaults["momentum"]:
        return ()
    return known.get(type(optimizer), getattr(optimizer, "state_names", ()))
