"""Initial values come from the CPU's generator, whatever device the model is on."""

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from tests.models.cut_models import meta
from zoo.models import fill as filling
from zoo.models.build import apply_batch_norm
from zoo.models.fill import NoWeights, fill


def test_values_are_drawn_on_the_cpu_and_moved_then(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: set[str] = set()
    own = filling.initialise

    def seen(module: nn.Module, owner: PreTrainedModel) -> None:
        drawn.update(one.device.type for _, one in filling.direct(module))
        own(module, owner)

    monkeypatch.setattr(filling, "initialise", seen)
    model = meta("gpt2")
    moved = torch.device("meta")  # stands for a GPU
    fill(model, 0, NoWeights(), moved)
    assert drawn == {"cpu"}
    assert {p.device for p in model.parameters()} == {moved}


def test_synchronized_statistics_are_those_of_the_data_ranks() -> None:
    data = object()
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    found = apply_batch_norm(model, "synchronized", data)
    assert [m.process_group for m in found.modules() if isinstance(m, nn.SyncBatchNorm)] == [data]
