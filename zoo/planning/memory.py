"""What a rank must hold of a model, its gradients and its optimizer, counted on a meta model."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from zoo.engines.update.optimizer import parameter_groups
from zoo.layout import Layout, Part
from zoo.models.adapters.quantised import bytes_of_scales, packable
from zoo.models.balance import balanced, layer_weights, parameter_weights, trained_positions
from zoo.models.families import family_of
from zoo.models.names import parameters_of, plain
from zoo.models.stage import owned_names
from zoo.models.tensor import TensorCut
from zoo.recipe import Recipe
from zoo.recipe.derived.adapter import in_4_bits
from zoo.recipe.derived.deepspeed import sums_in_fp32
from zoo.recipe.derived.exchange import averages_itself, optimizer_of, zero_stage
from zoo.recipe.vocabulary.optimizers import hyper_parameters
from zoo.telling.memory import Kept, Share, memory_page
from zoo.telling.page import Page
from zoo.training.checks import ring_two

FP32 = 4
PERSISTS = 100_000  # elements: deepspeed/runtime/zero/config.py: param_persistence_threshold


@dataclass(frozen=True)
class Held:
    """A parameter as a stage and tensor rank has it, before ZeRO partitions it."""

    elements: int
    trained: bool
    packed: bool = False
    """Whether it is kept in 4 bits."""


def memory_of(recipe: Recipe, layout: Layout) -> Page:
    """What ranks keep of a recipe's model; opens its data and its config, no weights.

    Raises ConfigError as ring two does.
    """
    model = ring_two(recipe, layout.world, None, any_base=True).model
    every = list(model.parameters())
    trained = sum(one.numel() for one in every if one.requires_grad)
    frozen = sum(one.numel() for one in every) - trained
    by_time = layout.pipe > 1 and recipe.parallel.pipeline.balance == "time"
    return memory_page(layout.describe(), shares(recipe, layout, model), trained, frozen, by_time)


def shares(recipe: Recipe, layout: Layout, model: Any) -> list[Share]:
    """What each kind of rank keeps, in the order of stages and tensor ranks; data ranks are alike.

    `model` is on meta and whole. Stages that are balanced by time are taken by parameters.
    """
    found = []
    packed = packed_names(recipe, model)
    for stage, names in enumerate(names_of_stages(recipe, layout, model)):
        parts = parts_of(model, layout.tensor)
        held = {
            name: Held(elements(tuple(p.shape), parts.get(name)), p.requires_grad, name in packed)
            for name, p in parameters_of(model)
            if names is None or name in names
        }
        who = f"stage {stage}" if layout.pipe > 1 else ""
        ranks = f"{layout.tensor} tensor ranks" if layout.tensor > 1 else ""
        every = f"{layout.data} data ranks" if layout.data > 1 else ""
        said = ", each of ".join(filter(None, (who, " x ".join(filter(None, (ranks, every))))))
        found.append(share(recipe, layout, model, held, said or "the process"))
    return found


def packed_names(recipe: Recipe, model: Any) -> set[str]:
    """The parameters that are kept in 4 bits."""
    return {f"{plain(name)}.weight" for name, _ in packable(model)} if in_4_bits(recipe) else set()


def names_of_stages(recipe: Recipe, layout: Layout, model: Any) -> Iterator[set[str] | None]:
    """The names of the parameters of each stage; None: all."""
    family = family_of(model.config)
    if layout.pipe == 1 or family is None:
        yield None
        return
    by_layers = recipe.parallel.pipeline.balance == "layers"
    weights = (layer_weights if by_layers else parameter_weights)(model, family)
    bounds = balanced(weights, layout.pipe, trained_positions(model, family))
    for stage in range(layout.pipe):
        yield {plain(name) for name in owned_names(model, family, bounds, stage)}


def parts_of(model: Any, ranks: int) -> Mapping[str, Part]:
    """What the first of the tensor ranks has of each parameter that is split."""
    family = family_of(model.config)
    return TensorCut(model, family, 0, ranks, None).parts if ranks > 1 and family else {}


def elements(shape: tuple[int, ...], part: Part | None) -> int:
    """How many elements a rank has of a tensor of that shape."""
    return math.prod(part.shape(shape) if part else shape)


def share(
    recipe: Recipe, layout: Layout, model: nn.Module, held: Mapping[str, Held], who: str
) -> Share:
    """What a rank keeps that has these parameters of a model."""
    stage, data = 0 if averages_itself(recipe) else zero_stage(recipe), layout.data
    bnb = in_4_bits(recipe)
    width = FP32 if recipe.run.precision == "fp32" else 2
    summed = FP32 if sums_in_fp32(recipe) else width
    threshold = recipe.parallel.zero.get("stage3_param_persistence_threshold", PERSISTS)

    def weights(one: Held) -> int:
        size, each, beside = one.elements, width, 0
        if one.packed and bnb:
            size, each, beside = math.ceil(size / 2), 1, bytes_of_scales(size, bnb)
        if stage < 3 or data == 1:
            return size * each + beside
        persists = size * each if size <= threshold else 0
        return math.ceil(size / data) * each + persists + beside

    own = {name: one for name, one in held.items() if one.trained}
    groups = [group["names"] for group in parameter_groups(recipe, model)]
    sizes = [[own[name].elements for name in names if name in own] for names in groups]
    updated = sum(updated_of(group, stage, data) for group in sizes)
    total = sum(one.elements for one in own.values())
    masters = 1 if stage or width < FP32 else 0
    reduced = updated if stage >= 2 else total
    trained = Kept(
        total,
        sum(map(weights, own.values())),
        reduced * summed,
        updated * FP32 * (masters + moments(recipe) + averages(recipe)),
    )
    frozen = [one for one in held.values() if not one.trained]
    still = Kept(sum(one.elements for one in frozen), sum(map(weights, frozen)), 0, 0)
    return Share(who, trained, still)


def updated_of(sizes: Sequence[int], stage: int, data: int) -> int:
    """How many elements of a group of parameters a data rank updates, padding among them: all, a
    share of the group laid flat (deepspeed/runtime/zero/stage_1_and_2.py aligns it to two elements
    a rank), or a share of each (stage3.py).
    """
    if stage == 3:
        return sum(math.ceil(size / data) for size in sizes)
    if stage:
        return math.ceil(sum(sizes) / (2 * data)) * 2
    return sum(sizes)


def moments(recipe: Recipe) -> int:
    """How many tensors the optimizer keeps beside each parameter."""
    settings, entry = hyper_parameters(recipe.optimizer, {}), optimizer_of(recipe)
    still = "momentum" in entry.parameters and not settings["momentum"]
    return 0 if still else len(entry.moments)


def averages(recipe: Recipe) -> int:
    """How many moving averages of the weights are kept."""
    return 0 if recipe.optimizer.ema is None else 1
