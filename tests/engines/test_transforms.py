"""What is applied to a model from outside is one list, and each caller takes the part it needs."""

import pytest
import torch
from torch import nn

from tests.runs import CATALOG
from zoo.engines import transforms
from zoo.engines.groups import Groups
from zoo.engines.transforms import (
    CUTS,
    FORM,
    TRAINING,
    TRANSFORMS,
    Draft,
    applied,
    in_training,
    meta_model,
)
from zoo.layout import Layout
from zoo.recipe import Recipe, load_recipe
from zoo.training.checks import Checked, ring_two

LLAMA, RESNET = "nlp/llama-mini-shakespeare", "vision/resnet50-imagenet"


def opened(name: str, *words: str) -> tuple[Recipe, Checked]:
    """A recipe's tiny twin and what ring two made of it."""
    recipe = load_recipe(CATALOG / f"{name}.json", words, tiny=True)
    return recipe, ring_two(recipe, 1)


def test_the_list_is_in_the_order_that_its_page_says() -> None:
    names = [one.__name__ for one in TRANSFORMS]
    places = [(transforms.__doc__ or "").index(f" {name} ") for name in names]
    assert places == sorted(places)
    assert (*FORM, *TRAINING, *CUTS) == TRANSFORMS
    assert len(set(names)) == len(names)


def test_a_form_is_frozen_and_recomputed_and_nothing_of_training() -> None:
    recipe, checked = opened(
        LLAMA, 'model.freeze=["*embed_tokens*"]', "parallel.gradient_checkpointing=true"
    )
    model = meta_model(recipe, checked.task)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen and all("embed_tokens" in name for name in frozen)
    assert model.is_gradient_checkpointing and model.config.use_cache
    assert not in_training(model, recipe).config.use_cache


def test_batch_norm_changes_in_training_only() -> None:
    recipe, checked = opened(RESNET, "model.batch_norm=frozen")
    norms = [one for one in checked.model.modules() if isinstance(one, nn.BatchNorm2d)]
    assert norms and all("forward" not in vars(one) and one.training for one in norms)
    in_training(checked.model, recipe)
    assert all("forward" in vars(one) and not one.training for one in norms)
    assert not any(p.requires_grad for one in norms for p in one.parameters())


@pytest.mark.parametrize("rank", range(4))
def test_cuts_say_what_a_rank_has_and_leave_the_model_whole(rank: int) -> None:
    recipe, checked = opened(LLAMA)
    layout = Layout.of(pipe=2, tensor=2)
    shapes = {name: p.shape for name, p in checked.model.named_parameters()}
    draft = applied(Draft(checked.model, recipe, Groups(layout, rank)), CUTS)
    assert len(draft.bounds) == 3 and draft.bounds[0] == 0
    assert draft.parts and draft.parts.keys() < shapes.keys()
    for name, part in draft.parts.items():
        assert torch.Size(part.shape(tuple(shapes[name]))).numel() * 2 == shapes[name].numel()
    assert {name: p.shape for name, p in checked.model.named_parameters()} == shapes


def test_a_layout_of_data_ranks_cuts_nothing() -> None:
    recipe, checked = opened(LLAMA)
    draft = applied(Draft(checked.model, recipe, Groups(Layout.of(data=4), 3)), CUTS)
    assert (draft.bounds, draft.parts) == ((), {})


def test_what_cuts_needs_a_layout() -> None:
    recipe, checked = opened(LLAMA)
    for cut in (transforms.stages, transforms.tensor_cut):
        with pytest.raises(AssertionError, match="need a layout"):
            cut(Draft(checked.model, recipe))
