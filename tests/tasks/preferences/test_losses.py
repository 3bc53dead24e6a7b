"""Losses of preferences against TRL's values, and against their formulas in plain Python."""

import json
import math
from typing import Any

import pytest
import torch

from zoo.recipe.spec.tasks.preferences import PreferenceSpec
from zoo.recipe.vocabulary.kinds.losses import LOSSES
from zoo.tasks.preferences.losses import Form, log_probabilities, reference_point
from zoo.tasks.task import IGNORE

# Log-probabilities of three pairs, and how many tokens each answer has.
CHOSEN, REJECTED = torch.tensor([-5.0, -12.5, -3.25]), torch.tensor([-7.0, -10.0, -9.5])
THEIRS = torch.tensor([-6.0, -11.0, -4.0]), torch.tensor([-6.5, -10.5, -8.0])
TOKENS = torch.tensor([4, 8, 3]), torch.tensor([5, 6, 7])
# What the methods of TRL 0.12.2 gave for them: DPOTrainer.dpo_loss, CPOTrainer.cpo_loss (its beta
# 2, simpo_gamma 1), ORPOTrainer.odds_ratio_loss taken from the negative log-likelihood of each
# chosen answer a token, which its micro-batch's mean is not.
TRL = {
    "dpo": [0.62095707654953, 0.7981388568878174, 0.5869619846343994],
    "dpo smoothed": [0.6359570622444153, 0.7781388759613037, 0.6094619631767273],
    "hinge": [0.8500000238418579, 1.2000000476837158, 0.7749999761581421],
    "ipo": [21.622501373291016, 27.78168487548828, 20.572702407836914],
    "simpo": [1.1031861305236816, 1.1653584241867065, 0.9447036385536194],
    "orpo": [1.25 + 0.05961495265, 1.5625 + 0.06302285939, 1.0833333731 + 0.05172781273],
}


def form(loss: str, **keys: Any) -> Form:
    words = {"kind": "preference", "sequence_length": 8, "loss": loss, **keys}
    return Form.of(PreferenceSpec.model_validate_json(json.dumps(words)))


def compared(one: Form) -> tuple[torch.Tensor, torch.Tensor]:
    both = zip((CHOSEN, REJECTED), THEIRS, TOKENS, strict=True)
    chosen, rejected = (one.compared(*side) for side in both)
    return chosen, rejected


@pytest.mark.parametrize("name", TRL)
def test_each_loss_of_pairs_has_the_values_of_trl(name: str) -> None:
    loss, *smoothed = name.split()
    one = form(loss, **({"label_smoothing": 0.1} if smoothed else {}))
    torch.testing.assert_close(one.of_pairs(*compared(one)), torch.tensor(TRL[name]))


def test_kto_has_the_values_of_trl() -> None:
    one = form("kto", undesirable_weight=1.5)
    other = torch.tensor([-8.0, -9.0, -7.0]) - torch.tensor([-8.5, -9.25, -8.5])
    point = reference_point(other, torch.tensor([True] * 3))
    assert float(point) == 0.75
    found = one.of_answers(compared(one)[0], torch.tensor([True, True, False]), point)
    wanted = torch.tensor([0.49375033378601074, 0.5560138821601868, 0.75])
    torch.testing.assert_close(found, wanted)  # KTOTrainer.kto_loss, of the same release


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def odds(nats: float) -> float:
    return math.exp(nats) / (1 - math.exp(nats))


PLAIN = {
    "dpo": lambda c, r: -math.log(sigmoid(0.3 * (c - r))),
    "ipo": lambda c, r: (c - r - 1 / 0.6) ** 2,
    "hinge": lambda c, r: max(0.0, 1 - 0.3 * (c - r)),
    "orpo": lambda c, r: -c - 0.3 * math.log(sigmoid(math.log(odds(c) / odds(r)))),
    "simpo": lambda c, r: -math.log(sigmoid(0.3 * (c - r) - 1)),
}


@pytest.mark.parametrize("loss", PLAIN)
def test_each_loss_of_pairs_is_its_formula(loss: str) -> None:
    one = form(loss, beta=0.3)
    found = one.of_pairs(*compared(one)).tolist()
    for row in range(3):
        sides = []
        for own, theirs, tokens in zip((CHOSEN, REJECTED), THEIRS, TOKENS, strict=True):
            value = float(own[row]) - (float(theirs[row]) if LOSSES[loss].reference else 0.0)
            sides.append(value / (int(tokens[row]) if LOSSES[loss].average else 1))
        assert found[row] == pytest.approx(PLAIN[loss](*sides), rel=1e-5)


def test_an_answer_that_is_certain_has_a_loss_and_a_gradient() -> None:
    chosen = torch.zeros(1, requires_grad=True)
    loss = form("orpo").of_pairs(chosen, torch.tensor([-1.0])).sum()
    loss.backward()
    assert torch.isfinite(loss) and chosen.grad is not None and torch.isfinite(chosen.grad).all()


def test_a_log_probability_is_that_of_the_targets_alone() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 5), torch.tensor([[1, IGNORE, 4], [IGNORE, IGNORE, 0]])
    nats = logits.log_softmax(-1)
    wanted = torch.stack([nats[0, 0, 1] + nats[0, 2, 4], nats[1, 2, 0]])
    torch.testing.assert_close(log_probabilities(logits, labels), wanted)


def test_the_reference_point_is_not_below_zero_and_leaves_out_what_does_not_count() -> None:
    values, counted = torch.tensor([3.0, 1.0, float("nan")]), torch.tensor([True, True, False])
    assert float(reference_point(values, counted)) == 2.0
    assert float(reference_point(-values, counted)) == 0.0
    assert float(reference_point(values, torch.zeros(3, dtype=torch.bool))) == 0.0
