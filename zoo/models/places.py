"""Hooks by which each layer of a model draws what belongs to its place, from outside."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from zoo.models.draws import SHARED, Draws, drops_layers
from zoo.models.stage import Family, layer_names, within


def draw_by_place(model: Any, family: Family | None, draws: Draws) -> None:
    """Makes every layer of a model draw as its place says, on whatever rank it runs.

    Hooks seed outside of what checkpointing recomputes: a recomputed layer draws the same again.
    A model that cannot be cut needs that only where LayerDrop looks at a number between layers.
    """
    drops = drops_layers(model.config)
    lists = [module for module in model.modules() if type(module) is nn.ModuleList]
    if family is not None:
        layers = [model.get_submodule(name) for name in layer_names(model, family)]
    else:
        layers = [layer for one in lists for layer in one.children()] if drops else []
    if not layers:
        return
    places = {layer: place for place, layer in enumerate(layers, 1)}
    for layer, place in places.items():
        seed_before(layer, draws, place)
    seed_after(layers[-1], draws, len(layers) + 1)
    for shared in shared_modules(model, family):
        seed_before(shared, draws, SHARED)
    for number, one in enumerate(lists if drops else [], 2):
        own = set(one.children())
        if own & set(layers):
            last = layers[-1] in own
            alike(one, places, len(layers) + (1 if last else number), draws)


def shared_modules(model: Any, family: Family | None) -> list[nn.Module]:
    """What every stage runs for itself before its layers."""
    patterns = () if family is None else family.shared
    return [
        module
        for name, module in model.named_modules()
        if any(within(name, p) and name.count(".") == p.count(".") for p in patterns)
    ]


def seed_before(module: nn.Module, draws: Draws, place: int) -> None:
    """Seeds for a place before each forward in training."""

    def hook(run: nn.Module, args: Any) -> None:
        if run.training:
            draws.at(place)

    module.register_forward_pre_hook(hook)


def seed_after(module: nn.Module, draws: Draws, place: int) -> None:
    """Seeds for a place after each forward in training."""

    def hook(run: nn.Module, args: Any, output: Any) -> None:
        if run.training:
            draws.at(place)

    module.register_forward_hook(hook)


def alike(layers: nn.ModuleList, places: Mapping[nn.Module, int], after: int, draws: Draws) -> None:
    """Makes a list seed LayerDrop's draw, which families make in their loop before each layer.

    At its end, where the last layer may have been left out, it seeds for the place `after` it.
    """

    class Alike(nn.ModuleList):
        def __iter__(self) -> Iterator[nn.Module]:
            for layer in super().__iter__():
                if self.training:
                    draws.before_drop(places[layer])
                yield layer
            if self.training:
                draws.at(after)

    layers.__class__ = Alike
