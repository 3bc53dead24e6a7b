"""Ranks that meet every so many steps: local SGD and DiLoCo."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from tests.compression.compressors import compressor as by_name
from tests.ranks import run_ranks
from zoo.compression.fused import Fused
from zoo.compression.gradients.local import OuterStep

SHAPES = [(30, 20), (20,)]
ROUNDS, PERIOD = 6, 3
CASES: dict[str, dict[str, Any]] = {
    "local-sgd": {"lr": 1.0, "momentum": 0.0},
    "diloco": {"lr": 0.7, "momentum": 0.9},
    "diloco int4": {"lr": 0.7, "momentum": 0.5, "codec": "int4"},
    "diloco whole": {"lr": 0.7, "momentum": 0.5, "codec": "dense"},
}


def start() -> list[Tensor]:
    draw = torch.Generator().manual_seed(7)
    return [torch.randn(shape, dtype=torch.float64, generator=draw) for shape in SHAPES]


def move(parameters: list[Tensor], rank: int, step: int) -> None:
    """What an inner optimizer does to one rank's parameters."""
    draw = torch.Generator().manual_seed(100 * rank + step)
    for parameter in parameters:
        noise = torch.randn(parameter.shape, dtype=torch.float64, generator=draw)
        parameter.mul_(0.98).add_(noise, alpha=0.01)


def made(parameters: list[Tensor], codec: str | None = None, **options: Any) -> OuterStep:
    fused = Fused(parameters)
    place = (fused, None, "cpu", torch.float64)
    compressor = by_name(codec, *place) if codec else None
    return OuterStep(*place, period=PERIOD, compressor=compressor, **options)


def run(rank: int, **options: Any) -> dict[str, Any]:
    parameters = start()
    outer, met = made(parameters, **options), []
    for step in range(1, ROUNDS * PERIOD + 1):
        move(parameters, rank, step)
        if outer.due(step):
            outer.sync(parameters)
            met.append(torch.cat([p.flatten() for p in parameters]).numpy())
    return {"met": met, "sent": outer.sent, "theta": outer.theta.numpy()}


def everything() -> dict[str, Any]:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    results = {case: run(dist.get_rank(), **options) for case, options in CASES.items()}
    dist.destroy_process_group()
    return results


@pytest.fixture(scope="module", params=[2, 4])
def world(request: pytest.FixtureRequest) -> Iterator[list[dict[str, Any]]]:
    """What each rank of a world of 2 and of 4 saw."""
    yield run_ranks(request.param, everything)


def simulated(ranks: int, lr: float, momentum: float) -> list[np.ndarray]:
    """The outer step is torch's own SGD with Nesterov momentum, on the mean movement."""
    theta = torch.nn.Parameter(torch.cat([p.flatten() for p in start()]))
    outer = torch.optim.SGD([theta], lr=lr, momentum=momentum, nesterov=momentum > 0)
    met = []
    for meeting in range(ROUNDS):
        ends = []
        for rank in range(ranks):
            mine = theta.detach().clone()
            parameters = [mine[:600].view(30, 20), mine[600:]]
            for step in range(meeting * PERIOD + 1, (meeting + 1) * PERIOD + 1):
                move(parameters, rank, step)
            ends.append(mine)
        theta.grad = theta.detach() - torch.stack(ends).mean(0)
        outer.step()
        met.append(theta.detach().numpy().copy())
    return met


@pytest.mark.parametrize("case", ["local-sgd", "diloco", "diloco whole"])
def test_meetings_are_those_of_torchs_outer_sgd(world: list[dict[str, Any]], case: str) -> None:
    lr, momentum = CASES[case]["lr"], CASES[case]["momentum"]
    wanted = np.stack(simulated(len(world), lr, momentum))
    for result in world:
        assert np.abs(np.stack(result[case]["met"]) - wanted).max() < 1e-12


@pytest.mark.parametrize("case", CASES)
def test_all_ranks_leave_a_meeting_with_the_same_bits(
    world: list[dict[str, Any]], case: str
) -> None:
    for result in world[1:]:
        assert np.array_equal(result[case]["met"], world[0][case]["met"])
    assert all(np.array_equal(result[case]["theta"], result[case]["met"][-1]) for result in world)


def test_four_bits_of_movement_stay_near_the_whole(world: list[dict[str, Any]]) -> None:
    whole, short = (world[0][case] for case in ("diloco whole", "diloco int4"))
    moved = np.abs(whole["met"][-1] - whole["met"][0]).mean()
    assert 0 < np.abs(short["met"][-1] - whole["met"][-1]).mean() < 0.2 * moved
    assert short["sent"] < whole["sent"]


def test_bytes_are_sent_at_meetings_alone(world: list[dict[str, Any]]) -> None:
    ranks = len(world)
    for result in world:
        assert result["diloco"]["sent"] == ROUNDS * (2 * (ranks - 1) * 8 * 620 // ranks)


def test_alone_without_momentum_the_inner_optimizer_is_left_exactly_alone() -> None:
    parameters, alone = start(), start()
    outer = made(parameters, lr=1.0, momentum=0.0)
    for step in range(1, 50):
        move(parameters, 0, step)
        move(alone, 0, step)
        if outer.due(step):
            outer.sync(parameters)
        assert all(map(torch.equal, parameters, alone))


def test_ranks_meet_every_period_after_the_first_steps() -> None:
    outer = made(start(), first=4)
    assert [step for step in range(1, 14) if outer.due(step)] == [7, 10, 13]
    with pytest.raises(ValueError):
        OuterStep(Fused(start()), None, "cpu", period=0)


def test_the_common_point_can_be_taken_anew() -> None:
    parameters = start()
    outer = made(parameters, lr=0.7, momentum=0.9)
    move(parameters, 0, 1)
    outer.sync(parameters)
    outer.begin(parameters)
    before = [parameter.clone() for parameter in parameters]
    outer.sync(parameters)
    assert all(map(torch.equal, parameters, before))
    assert not outer.shared()["outer_momentum"].any()
