"""Where torch has an optimizer, its fused kernels take the step."""

import pytest
import torch
from torch import nn

from tests.runs import twin
from zoo.engines.update.optimizer import build_optimizer
from zoo.recipe import load_recipe


@pytest.mark.parametrize(("kind", "made"), [("AdamW", torch.optim.AdamW), ("SGD", torch.optim.SGD)])
def test_torchs_optimizers_run_fused(kind: str, made: type) -> None:
    changes = [f"optimizer.type={kind}", "optimizer.params.lr=0.5"]
    recipe = load_recipe(twin("image-classification"), changes, tiny=True)
    model = nn.Linear(2, 2)
    optimizer = build_optimizer(recipe, model, None, 10)
    assert type(optimizer) is made and optimizer.defaults["fused"]
    before = model.weight.detach().clone()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert not torch.equal(before, model.weight)
