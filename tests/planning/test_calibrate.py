"""What is measured on a part of a model stands for all of it."""

import pytest
import torch
from torch import nn

from zoo.planning import calibrate
from zoo.planning.advice import Cost


def test_a_large_model_is_measured_on_whole_parameters_that_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibrate, "MOST", 100)
    sizes = (60, 50, 30, 20)  # 60, 30 and no more: 20 would make 110
    model = nn.ParameterList(nn.Parameter(torch.zeros(n, dtype=torch.bfloat16)) for n in sizes)
    model[1].requires_grad_(False)
    model.append(nn.Parameter(torch.zeros(10)))
    assert calibrate.shrink(model) == (120, 100)  # type: ignore[arg-type]
    trained = [one for one in model if one.requires_grad]
    assert [one.numel() for one in trained] == [60, 30, 10]
    assert all(one.dtype == torch.float32 for one in trained)


def test_costs_of_a_part_are_scaled_to_the_whole() -> None:
    assert calibrate.scaled(Cost(0.5, 100.0), 1.2) == Cost(0.6, 120.0)
