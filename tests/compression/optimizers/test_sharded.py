"""1-bit Adam over owners on real processes: equal to its simulation, whatever sends parameters."""

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.compression.learner import (
    advance,
    agree,
    flat,
    groups,
    parameters_of,
    score,
    set_gradients,
    set_rates,
)
from tests.compression.optimizer_simulation import BETA1, BETA2, Run, onebit_adam
from tests.ranks import run_ranks
from zoo.compression.mean import gather_chunks
from zoo.compression.optimizers.onebit_adam import OneBitAdam
from zoo.compression.optimizers.sharded import ShardedOneBitAdam

FREEZE, STEPS = 20, 75
CASES: dict[str, dict[str, Any]] = {
    "bf16": {"parameter_codec": "bf16"},
    "int8": {"parameter_codec": "int8", "clipping": 0.3},
    "sign": {"parameter_codec": "sign"},
    "identity": {"parameter_codec": "identity", "bias_correction": False},
    "nothing compressed": {"parameter_codec": "identity", "codec": "identity"},
}


class SendsParameters(ShardedOneBitAdam):
    """One bit of the parameters themselves: what must not be done."""

    def _send_differences(self) -> None:
        whole = gather_chunks(self.master.clone(), self.codec, self.valid, self.group)
        for parameter, values in zip(self.parameters(), self.fused.views(whole), strict=True):
            parameter.copy_(values)


def made(parameters: Any, kind: Any = ShardedOneBitAdam, **changes: Any) -> Any:
    settings = {"betas": (BETA1, BETA2), "freeze_step": FREEZE} | changes
    return kind(groups(parameters), **settings)


def trained(
    case: dict[str, Any], dtype: torch.dtype = torch.float64, kind: Any = ShardedOneBitAdam
) -> dict[str, Any]:
    """Parameters after all steps, whether ranks were equal after each, bytes of each."""
    parameters = parameters_of(dtype)
    optimizer = made(parameters, kind, **case)
    equal, sent = [], [0]
    for step in range(1, STEPS + 1):
        advance(optimizer, parameters, step, step)
        equal.append(agree(flat(parameters)))
        sent.append(optimizer.sent)
    return {
        "end": flat(parameters).double().numpy(),
        "equal": all(equal),
        "sent": [after - before for before, after in pairwise(sent)],
    }


def overflow() -> bool:
    """An infinite gradient on the last rank: is all as it was?"""
    parameters = parameters_of()
    optimizer = made(parameters, parameter_codec="sign")
    advance(optimizer, parameters, 1, FREEZE + 5)
    state = [optimizer._momentum, optimizer.exp_avg_sq, optimizer.master, *parameters]
    state += [optimizer.mean.worker_error, optimizer.mean.server_error]
    before, counters = [tensor.detach().clone() for tensor in state], optimizer.counters()
    set_rates(optimizer, 1)
    set_gradients(parameters, dist.get_rank(), 1)
    if dist.get_rank() == dist.get_world_size() - 1:
        parameters[0].grad[0, 0] = torch.nan  # type: ignore[index]
    optimizer.step()
    same = all(map(torch.equal, before, state)) and counters == optimizer.counters()
    return same and optimizer.skipped


def published() -> dict[str, bool]:
    """Masters and replicas after compressed steps, before and after publishing."""
    parameters = parameters_of()
    optimizer = made(parameters, parameter_codec="sign")
    advance(optimizer, parameters, 1, FREEZE + 5)
    apart = not torch.equal(optimizer.master, optimizer._replica())
    optimizer.publish()
    together = torch.equal(optimizer.master, optimizer._replica()) and agree(flat(parameters))
    return {"apart": apart, "together": together}


def world_of_cases() -> dict[str, Any]:
    dist.init_process_group("gloo")
    found: dict[str, Any] = {name: trained(case) for name, case in CASES.items()}
    found["replicated"] = trained({}, kind=OneBitAdam)
    found["short"] = trained({"parameter_codec": "bf16"}, torch.bfloat16)
    found["short down"] = trained(
        {"parameter_codec": "int8", "warmup_dtype": "bf16"}, torch.float32
    )
    found["no floor"] = trained({"parameter_codec": "sign", "denominator_floor": 0.0})
    found["of parameters"] = trained({"parameter_codec": "sign"}, kind=SendsParameters)
    return found | {"overflow": overflow(), "published": published()}


@pytest.fixture(scope="module", params=[2, 3])
def world(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return run_ranks(request.param, world_of_cases)


@pytest.mark.ranks(3)
@pytest.mark.parametrize("name", CASES)
def test_processes_compute_what_the_simulation_does(name: str, world: list[Any]) -> None:
    case = CASES[name]
    run = Run(
        len(world),
        codec=case.get("codec", "sign"),
        corrected=case.get("bias_correction", True),
        clipping=case.get("clipping", 0.0),
    )
    wanted = list(onebit_adam(run, FREEZE, STEPS, case["parameter_codec"]))[-1]
    for rank in world:
        distance = ((torch.from_numpy(rank[name]["end"]) - wanted).norm() / wanted.norm()).item()
        assert distance < 1e-10
    print(f"{name}, {len(world)} ranks: {distance:.1e}")


@pytest.mark.ranks(3)
def test_replicas_have_the_same_bits_after_every_step(world: list[Any]) -> None:
    names = [*CASES, "short", "short down"]
    assert all(rank[name]["equal"] for rank in world for name in names)


@pytest.mark.ranks(3)
def test_every_codec_of_differences_learns_and_one_bit_of_parameters_does_not(
    world: list[Any],
) -> None:
    adam = score(torch.from_numpy(world[0]["nothing compressed"]["end"]))
    found = {
        name: score(torch.from_numpy(case["end"])) / adam - 1
        for name, case in world[0].items()
        if name not in ("overflow", "published")
    }
    print(f"{len(world)} ranks, against Adam {adam:.4f}: {found}")
    for name in ("bf16", "sign", "replicated", "short", "short down"):
        assert found[name] < 0.05, name
    assert min(found["no floor"], found["of parameters"]) > 0.1


@pytest.mark.ranks(3)
def test_momenta_travel_twice_and_parameters_once(world: list[Any]) -> None:
    ranks = len(world)
    padded = 6144
    share = (ranks - 1) / ranks
    sign, int8 = padded / 8 + 4 * padded / 1024, padded + 4 * padded / 1024
    for rank in world:
        short, down = rank["short"]["sent"], rank["short down"]["sent"]
        assert short[-1] == share * (2 * sign + 2 * padded)
        assert down[-1] == share * (2 * sign + int8)
        assert short[0] == share * 8 * padded
        assert down[0] == share * 6 * padded


@pytest.mark.ranks(3)
def test_an_overflow_on_one_rank_changes_nothing_anywhere(world: list[Any]) -> None:
    assert all(rank["overflow"] for rank in world)


@pytest.mark.ranks(3)
def test_publishing_sends_masters_exactly(world: list[Any]) -> None:
    assert any(rank["published"]["apart"] for rank in world)  # a rank may own padding alone
    assert all(rank["published"]["together"] for rank in world)
