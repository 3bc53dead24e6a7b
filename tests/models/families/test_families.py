"""The stages of every family in a row are the whole model, forwards and backwards."""

from itertools import combinations, pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tests.models.cut_models import HEADS, KINDS, UNSTAGED, inputs, meta
from zoo.models.balance import balanced, parameter_weights
from zoo.models.families import family_of
from zoo.models.fill import NoWeights, fill
from zoo.models.stage import (
    Family,
    Stage,
    layer_names,
    owned_names,
    positions,
    tied_stages,
)

CPU = torch.device("cpu")
STAGED = [kind for kind in (KINDS | HEADS) if kind not in UNSTAGED]


def built(kind: str) -> tuple[PreTrainedModel, Family]:
    """A small model with values, in training mode without dropout."""
    model = meta(kind)
    fill(model, 0, NoWeights(), CPU)
    found = family_of(model.config)
    assert found is not None
    return model.train(), found


def in_a_row(model: PreTrainedModel, family: Family, stages: int, batch: dict[str, Any]) -> Tensor:
    """What the last of `stages` stages gives."""
    bounds = balanced(parameter_weights(model, family), stages)
    received: Any = tuple(batch.values())
    for number in range(stages):
        stage = Stage(model, family, bounds, number)
        stage.names = tuple(batch)
        received = stage(received)
    found: Tensor = received["logits"]
    return found


@pytest.mark.parametrize("stages", [2, 3, 4])
@pytest.mark.parametrize("kind", STAGED)
def test_stages_in_a_row_are_the_whole_model(kind: str, stages: int) -> None:
    model, family = built(kind)
    batch = inputs(kind)
    whole = model(**batch).logits
    whole.square().mean().backward()
    expected = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    cut = in_a_row(model, family, stages, batch)
    cut.square().mean().backward()
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert float((cut - whole).abs().max()) <= 1e-5 * float(whole.abs().max())
    assert found.keys() == expected.keys()
    largest = max(float(g.abs().max()) for g in expected.values())
    assert max(float((found[n] - g).abs().max()) for n, g in expected.items()) < 1e-5 * largest


@pytest.mark.parametrize("kind", STAGED)
def test_every_parameter_has_one_stage_or_is_tied(kind: str) -> None:
    model, family = built(kind)
    bounds = balanced(parameter_weights(model, family), 3)
    held = [owned_names(model, family, bounds, stage) for stage in range(3)]
    tied = tied_stages(model, family, bounds)
    for name, _ in model.named_parameters():
        owners = [stage for stage, names in enumerate(held) if name in names]
        assert owners == tied[name] if name in tied else len(owners) == 1, name
    everywhere = {name for name, position in positions(model, family).items() if position is None}
    assert not everywhere & {name for name, _ in model.named_parameters()}
    assert len(layer_names(model, family)) == 2


@pytest.mark.parametrize("weights", [[5, 1, 1, 1, 5], [1] * 7, [0, 1, 1, 0], [9, 1, 1, 1, 1, 1]])
@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_the_heaviest_range_is_as_light_as_can_be(weights: list[float], parts: int) -> None:
    def heaviest(bounds: list[int]) -> float:
        return max(sum(weights[a:b]) for a, b in pairwise(bounds))

    inside = combinations(range(1, len(weights)), parts - 1)
    best = min(heaviest([0, *cuts, len(weights)]) for cuts in inside)
    bounds = balanced(weights, parts)
    assert bounds[0] == 0 and bounds[-1] == len(weights) and len(bounds) == parts + 1
    assert all(a < b for a, b in pairwise(bounds)), "an empty range"
    assert heaviest(bounds) == best


def test_no_stage_is_left_without_something_to_train() -> None:
    trained = [False, False, False, True, True]
    assert balanced([9, 1, 1, 1, 1], 2) == [0, 1, 5]
    assert balanced([9, 1, 1, 1, 1], 2, trained) == [0, 4, 5]


def test_fewer_layers_than_stages_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 positions cannot make 3 stages"):
        balanced([1.0, 1.0], 3)
