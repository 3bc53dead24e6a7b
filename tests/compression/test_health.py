"""Parameters stay of a healthy size where gradients have no variance: key biases, unseen words."""

from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from tests.ranks import run_ranks
from zoo.compression.optimizers.frozen_adam import FrozenAdam
from zoo.compression.optimizers.onebit_adam import OneBitAdam
from zoo.compression.optimizers.onebit_lamb import OneBitLamb
from zoo.compression.optimizers.sharded import ShardedOneBitAdam
from zoo.compression.optimizers.zero_one_adam import ZeroOneAdam

FREEZE, STEPS = 30, 80
ZERO_ONE = {"var_freeze_step": FREEZE, "var_update_scaler": 100, "local_step_scaler": 10}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "onebit adam": (OneBitAdam, {"freeze_step": FREEZE}),
    "zero one adam": (ZeroOneAdam, ZERO_ONE | {"local_step_clipper": 4}),
    "early one bit gradients": (ZeroOneAdam, ZERO_ONE | {"var_update_scaler": 8}),
    "sharded": (ShardedOneBitAdam, {"freeze_step": FREEZE, "parameter_codec": "sign"}),
    "no floor": (OneBitAdam, {"freeze_step": FREEZE, "denominator_floor": 0.0}),
}


class Attention(nn.Module):
    """One head over eight words: a constant added to all keys changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(64, 32)  # words beyond 50 never come
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))
        self.last = nn.Linear(32, 50)

    def forward(self, words: Tensor) -> Tensor:  # (batch, 8) -> (batch, 8, 50)
        rows = self.table(words)
        mixed = functional.scaled_dot_product_attention(
            self.query(rows), self.key(rows), self.value(rows)
        )
        return self.last(rows + mixed)


def trained(kind: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """The largest parameter after some fifty compressed steps in fp32, and the loss."""
    torch.manual_seed(3)
    model = Attention()
    optimizer = kind(model.parameters(), lr=1e-2, **settings)
    torch.manual_seed(dist.get_rank())
    for _ in range(STEPS):
        words = torch.randint(50, (16, 8))
        wanted = (3 * words + 7) % 50
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(words).flatten(0, 1), wanted.flatten())
        loss.backward()
        if kind in (torch.optim.Adam, FrozenAdam):
            for parameter in model.parameters():
                dist.all_reduce(parameter.grad)
                parameter.grad /= dist.get_world_size()  # type: ignore[operator]
        optimizer.step()
    largest = max(parameter.abs().max().item() for parameter in model.parameters())
    unseen = model.table.weight[50:].abs().max().item()
    keys = model.key.bias.abs().max().item()
    return {"largest": largest, "unseen": unseen, "keys": keys, "loss": loss.item()}


def world_of_kinds() -> dict[str, Any]:
    dist.init_process_group("gloo")
    found = {name: trained(*kind) for name, kind in KINDS.items()}
    found["adam"] = trained(torch.optim.Adam, {})
    found["frozen adam"] = trained(FrozenAdam, {"freeze_step": FREEZE})
    found["onebit lamb"] = trained(OneBitLamb, {"freeze_step": FREEZE, "max_coeff": 1.0})
    return found


@pytest.mark.ranks(2)
def test_no_parameter_grows_three_times_as_large_as_adams() -> None:
    found = run_ranks(2, world_of_kinds)[0]
    for name, seen in found.items():
        print(name, seen)
    adam = found["adam"]["largest"]
    assert all(seen["largest"] < 3 * adam for name, seen in found.items() if name != "no floor")
    assert found["no floor"]["largest"] > 3 * adam
    assert found["no floor"]["loss"] < 1.2 * found["onebit adam"]["loss"]  # and nobody sees it
