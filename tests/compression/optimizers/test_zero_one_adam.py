"""0/1 Adam on real processes: equal to its simulation, and bit-equal where ranks meet."""

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
from tests.compression.optimizer_simulation import (
    BETA1,
    BETA2,
    Policy,
    Run,
    onebit_adam,
    zero_one_adam,
)
from tests.ranks import run_ranks
from zoo.compression.optimizers.zero_one_adam import ZeroOneAdam

STEPS = 76
# variance frozen at, dense steps before the interval doubles, local ones, longest interval
POLICIES: dict[str, tuple[tuple[int, int, int, int], dict[str, Any]]] = {
    "one bit gradients, then intervals up to 4": ((24, 6, 8, 4), {}),
    "dense until frozen, then one interval": ((20, 100, 100, 16), {}),
    "clipped": ((24, 6, 8, 4), {"clipping": 0.3}),
    "no correction, no floor": ((24, 6, 8, 4), {"bias_correction": False, "denominator_floor": 0}),
    "identity": ((20, 100, 100, 16), {"codec": "identity"}),
}


def made(parameters: Any, policy: tuple[int, int, int, int], **changes: Any) -> ZeroOneAdam:
    names = ("var_freeze_step", "var_update_scaler", "local_step_scaler", "local_step_clipper")
    settings = dict(zip(names, policy, strict=True)) | changes
    return ZeroOneAdam(groups(parameters), betas=(BETA1, BETA2), **settings)


def trained(policy: tuple[int, int, int, int], case: dict[str, Any]) -> dict[str, Any]:
    """Parameters where ranks meet (by step), and what was seen at the other steps."""
    parameters = parameters_of()
    optimizer = made(parameters, policy, **case)
    met, apart = {}, []
    for step in range(1, STEPS + 1):
        advance(optimizer, parameters, step, step)
        same = agree(torch.cat([flat(parameters), optimizer.exp_avg]))
        if same:
            met[step] = flat(parameters).numpy()
        if same == bool(optimizer.unsettled):
            apart.append(step)
    return {"met": met, "wrong": apart, "sent": optimizer.sent}


def settled() -> dict[str, bool]:
    """Between two meetings: saving is refused, settling brings ranks together, once."""
    parameters = parameters_of()
    optimizer = made(parameters, (10, 100, 4, 4))
    advance(optimizer, parameters, 1, 17)
    try:
        refused = bool(optimizer.counters()) and False
    except RuntimeError:
        refused = True
    before = agree(flat(parameters))
    optimizer.settle()
    after, sent = agree(flat(parameters)), optimizer.sent
    optimizer.settle()
    again = optimizer.sent == sent and bool(optimizer.counters())
    return {"refused": refused, "apart": not before, "together": after, "once": again}


def overflow() -> bool:
    """An infinite gradient on rank 0 between two meetings: is all as it was?"""
    parameters = parameters_of()
    optimizer = made(parameters, (10, 100, 4, 4))
    advance(optimizer, parameters, 1, 17)
    state = [optimizer.exp_avg, optimizer._travelled, optimizer.mean.worker_error, *parameters]
    before = [tensor.detach().clone() for tensor in state]
    numbers = (optimizer.steps, optimizer.rates, optimizer.unsettled, optimizer.local_steps)
    set_rates(optimizer, 18)
    set_gradients(parameters, dist.get_rank(), 18)
    if dist.get_rank() == 0:
        parameters[0].grad[0, 0] = torch.nan  # type: ignore[index]
    optimizer.step()
    after = (optimizer.steps, optimizer.rates, optimizer.unsettled, optimizer.local_steps)
    return optimizer.skipped and numbers == after and all(map(torch.equal, before, state))


def world_of_cases() -> dict[str, Any]:
    dist.init_process_group("gloo")
    found: dict[str, Any] = {name: trained(*case) for name, case in POLICIES.items()}
    return found | {"settled": settled(), "overflow": overflow()}


@pytest.fixture(scope="module", params=[2, 3])
def world(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return run_ranks(request.param, world_of_cases)


def simulated(ranks: int, name: str) -> list[torch.Tensor | None]:
    policy, case = POLICIES[name]
    run = Run(
        ranks,
        codec=case.get("codec", "sign"),
        corrected=case.get("bias_correction", True),
        floor=case.get("denominator_floor", 0.1),
        clipping=case.get("clipping", 0.0),
    )
    return list(zero_one_adam(run, Policy(*policy), STEPS))


@pytest.mark.ranks(3)
@pytest.mark.parametrize("name", POLICIES)
def test_processes_compute_what_the_simulation_does(name: str, world: list[Any]) -> None:
    wanted = {
        step: theta
        for step, theta in enumerate(simulated(len(world), name), 1)
        if theta is not None
    }
    for rank in world:
        assert sorted(rank[name]["met"]) == sorted(wanted)
        furthest = max(
            ((torch.from_numpy(rank[name]["met"][step]) - theta).norm() / theta.norm()).item()
            for step, theta in wanted.items()
        )
        assert furthest < 1e-10
    print(f"{name}, {len(world)} ranks, {len(wanted)} meetings: {furthest:.1e}")


def test_without_loss_and_intervals_it_is_adam_with_a_frozen_variance() -> None:
    found = simulated(2, "identity")[-1]
    wanted = list(onebit_adam(Run(2, codec="identity"), 20, STEPS))[-1]
    assert found is not None
    assert (found - wanted).norm() < 1e-12 * wanted.norm()


@pytest.mark.ranks(3)
def test_ranks_have_the_same_bits_where_they_meet_and_only_there(world: list[Any]) -> None:
    assert [rank[name]["wrong"] for rank in world for name in POLICIES] == [[]] * (
        len(world) * len(POLICIES)
    )


@pytest.mark.ranks(3)
def test_settling_brings_ranks_together_and_saving_apart_is_refused(world: list[Any]) -> None:
    for rank in world:
        assert rank["settled"] == dict.fromkeys(("refused", "apart", "together", "once"), True)


@pytest.mark.ranks(3)
def test_an_overflow_between_meetings_changes_nothing_anywhere(world: list[Any]) -> None:
    assert all(rank["overflow"] for rank in world)


@pytest.mark.ranks(3)
def test_longer_intervals_send_less_and_learn(world: list[Any]) -> None:
    seldom, often = list(POLICIES)[:2]
    assert world[0][seldom]["sent"] < world[0][often]["sent"]
    exact = score(torch.from_numpy(world[0]["identity"]["met"][STEPS]))
    for name in (often, seldom):
        found = score(torch.from_numpy(world[0][name]["met"][STEPS]))
        print(f"{name}, {len(world)} ranks: {found / exact - 1:+.3f}")
        assert found < 1.35 * exact
