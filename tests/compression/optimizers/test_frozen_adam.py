"""Adam with a variance that freezes, on one process."""

from typing import Any

import pytest
import torch

from tests.compression.learner import advance, flat, groups, parameters_of
from tests.compression.optimizer_simulation import BETA1, BETA2, Run, onebit_adam
from zoo.compression.optimizers.frozen_adam import FrozenAdam


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam])
def test_until_the_freeze_it_is_torch_s(kind: Any) -> None:
    ends = []
    for ours in (True, False):
        parameters = parameters_of()
        maker: Any = FrozenAdam if ours else kind
        optimizer = maker(groups(parameters), betas=(BETA1, BETA2))
        if ours:
            optimizer.adam_w_mode = kind is torch.optim.AdamW
        advance(optimizer, parameters, 1, 40)
        ends.append(flat(parameters))
    assert (ends[0] - ends[1]).abs().max() < 1e-13


def test_afterwards_it_is_one_bit_adam_without_the_bits() -> None:
    parameters = parameters_of()
    optimizer = FrozenAdam(groups(parameters), betas=(BETA1, BETA2), freeze_step=20)
    advance(optimizer, parameters, 1, 75)
    wanted = list(onebit_adam(Run(1, codec="identity"), 20, 75))[-1]
    assert (flat(parameters) - wanted).norm() < 1e-10 * wanted.norm()


def test_its_state_restores_it() -> None:
    ends = []
    parameters = parameters_of()
    optimizer = FrozenAdam(groups(parameters), betas=(BETA1, BETA2), freeze_step=20)
    advance(optimizer, parameters, 1, 30)
    others = parameters_of()
    other = FrozenAdam(groups(others), betas=(BETA1, BETA2), freeze_step=20)
    other.load_counters(optimizer.counters())
    with torch.no_grad():
        for new, old in zip(others, parameters, strict=True):
            new.copy_(old)
            for name, value in optimizer.state[old].items():
                other.state[new][name].copy_(value)
    for one, its in ((optimizer, parameters), (other, others)):
        advance(one, its, 31, 40)
        ends.append(flat(its))
    assert torch.equal(*ends)
