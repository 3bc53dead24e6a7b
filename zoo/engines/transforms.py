"""What is applied to a meta model from outside: one list, in this order.

    FORM      adapter        low-rank matrices beside those of a frozen base
              freezing       takes gradients away
              checkpointing  recomputes activations
              criterion      a loss inside of the model, in fp32 and of this process alone
    TRAINING  quantised      which matrices of a frozen base are kept in 4 bits
              batch_norm     the BatchNorm policy
              uncached       no keys and values are kept
    CUTS      stages         the bounds of the pipeline's stages
              tensor_cut     the tensor ranks' slices
              draws          where each layer's dropout, and LayerDrop, are drawn from
              compile        (none yet: it would stand here, and see what is left to run)

Ring two and exports take FORM, planning TRAINING too, `build_engine` all. Stages come before tensor
ranks because one rank alone may measure them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from zoo.data.rows import Batch
from zoo.engines.engine import DTYPES
from zoo.engines.groups import Groups, by_first
from zoo.layout import Part
from zoo.models.adapters.inject import adapt
from zoo.models.adapters.quantised import packer
from zoo.models.balance import (
    balanced,
    layer_weights,
    parameter_weights,
    time_weights,
    trained_positions,
)
from zoo.models.build import alone_in_fp32, apply_batch_norm, freeze, on_meta
from zoo.models.draws import Draws
from zoo.models.families import family_of
from zoo.models.fill import leave
from zoo.models.places import draw_by_place
from zoo.models.stage import Family
from zoo.models.tensor import TensorCut
from zoo.models.upstream import set_inner_loss
from zoo.recipe import Recipe, origin
from zoo.recipe.derived.adapter import in_4_bits
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.tasks.build import head_class
from zoo.tasks.task import Task

Sample = Callable[[], Batch]


@dataclass
class Draft:
    """A model on meta on its way to training; a transform changes it in place.

    CUTS need `groups`, and for stages balanced by time a `sample` and the `device` to run it on;
    `seeds` is what draws in training, where somebody takes steps.
    """

    model: Any
    recipe: Recipe
    groups: Groups | None = None
    sample: Sample | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seeds: Draws | None = None
    bounds: tuple[int, ...] = ()
    """Where the pipeline's stages begin and end, among the family's positions; empty without."""
    parts: dict[str, Part] = field(default_factory=dict)
    """What this rank has of the parameters that are split."""
    slice: Callable[[nn.Module], None] = leave
    """Cuts a filled unit down to that."""
    pack: Callable[[nn.Module], None] = leave
    """Keeps what it says of a filled unit in fewer bits."""

    @property
    def family(self) -> Family | None:
        """How the model can be cut, if it can."""
        return family_of(self.model.config)


Transform = Callable[[Draft], None]


def adapter(draft: Draft) -> None:
    """Puts what `model.lora` says around the base; nothing else is trained then."""
    recipe = draft.recipe
    if recipe.model.lora is not None:
        adapt(draft.model, recipe.model.lora, origin(recipe, "model.lora"))


def freezing(draft: Draft) -> None:
    """Takes the gradient from what `model.freeze` names."""
    recipe = draft.recipe
    freeze(draft.model, recipe)


def checkpointing(draft: Draft) -> None:
    """Recomputes every layer's activations in backward, where the recipe says so."""
    if draft.recipe.parallel.gradient_checkpointing:
        draft.model.gradient_checkpointing_enable({"use_reentrant": False})


def criterion(draft: Draft) -> None:
    """What a loss that the model computes must be, for kinds whose labels enter."""
    if KINDS[draft.recipe.task.kind].labels_enter:
        set_inner_loss(draft.model, alone_in_fp32)


def quantised(draft: Draft) -> None:
    """Finds what `model.lora.bnb_4bit` keeps in 4 bits; it is packed when it has its values."""
    if bnb := in_4_bits(draft.recipe):
        draft.pack = packer(draft.model, bnb, DTYPES[draft.recipe.run.precision])


def batch_norm(draft: Draft) -> None:
    """What `model.batch_norm` says; ranks of other stages and tensor ranks have other layers."""
    data = None if draft.groups is None else draft.groups.along("data")
    draft.model = apply_batch_norm(draft.model, draft.recipe.model.batch_norm, data)


def uncached(draft: Draft) -> None:
    """Nobody reads keys and values again in training; exports keep them."""
    draft.model.config.use_cache = False


def stages(draft: Draft) -> None:
    """Finds the bounds of the pipeline's stages; the model stays whole."""
    assert draft.groups is not None, "stages need a layout"
    pipe, family = draft.groups.layout.pipe, draft.family
    if pipe > 1 and family is not None:
        weights = weights_of(draft, family, draft.groups)
        draft.bounds = tuple(balanced(weights, pipe, trained_positions(draft.model, family)))


def tensor_cut(draft: Draft) -> None:
    """Makes the model this tensor rank's share of it."""
    assert draft.groups is not None, "tensor ranks need a layout"
    layout, family = draft.groups.layout, draft.family
    if layout.tensor == 1 or family is None:
        return
    rank, group = layout.tensor_rank(draft.groups.rank), draft.groups.along("tensor")
    cut = TensorCut(draft.model, family, rank, layout.tensor, group)
    draft.parts, draft.slice = cut.parts, cut.settle


def draws(draft: Draft) -> None:
    """Makes each layer draw the same on every layout."""
    if draft.seeds is not None:
        draw_by_place(draft.model, draft.family, draft.seeds)


FORM: tuple[Transform, ...] = (adapter, freezing, checkpointing, criterion)
TRAINING: tuple[Transform, ...] = (quantised, batch_norm, uncached)
CUTS: tuple[Transform, ...] = (stages, tensor_cut, draws)
TRANSFORMS = (*FORM, *TRAINING, *CUTS)


def applied(draft: Draft, transforms: Iterable[Transform]) -> Draft:
    """The draft, after these transforms."""
    for transform in transforms:
        transform(draft)
    return draft


def meta_model(recipe: Recipe, task: Task) -> PreTrainedModel:
    """The recipe's model without values, in the form that ring two checks and exports have."""
    section = recipe.model
    head = head_class(recipe.task.kind)
    model = on_meta(head, task.config, section.attention, section.trust_remote_code)
    found: PreTrainedModel = applied(Draft(model, recipe), FORM).model
    return found


def in_training(model: PreTrainedModel, recipe: Recipe) -> PreTrainedModel:
    """A `meta_model` as it is trained, and not as it is exported."""
    found: PreTrainedModel = applied(Draft(model, recipe), TRAINING).model
    return found


def weights_of(draft: Draft, family: Family, groups: Groups) -> list[float]:
    """What the stages are to have about the same of; times are rank 0's, on every rank."""
    balance = draft.recipe.parallel.pipeline.balance
    if balance == "layers":
        return layer_weights(draft.model, family)
    if balance == "parameters":
        return parameter_weights(draft.model, family)
    sample, dtype = draft.sample, DTYPES[draft.recipe.run.precision]
    assert sample is not None, "stages balanced by time need a micro-batch"

    def timed() -> list[float]:
        return time_weights(draft.model, family, sample()["inputs"], draft.device, dtype)

    return by_first(timed, groups.rank == 0, draft.device)
