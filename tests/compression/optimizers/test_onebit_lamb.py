"""1-bit LAMB on real processes: equal to its simulation, LAMB while dense, equal bits on ranks."""

from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.compression.learner import advance, agree, flat, groups, parameters_of, score
from tests.compression.optimizer_simulation import BETA1, BETA2, Ratios, Run, onebit_lamb
from tests.ranks import run_ranks
from zoo.compression.optimizers.onebit_lamb import OneBitLamb
from zoo.engines.update.algorithms import Lamb

FREEZE, STEPS = 20, 75
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped": {"clipping": 0.3},
    "as DeepSpeed had it": {"bias_correction": False, "denominator_floor": 0.0},
    "bounds of the BERT recipes": {"max_coeff": 0.3, "factor_max": 2.0, "factor_threshold": 0.2},
    "ratios of 1": {"max_coeff": 1.0, "min_coeff": 1.0},
    "identity": {"codec": "identity"},
}


def made(parameters: Any, **changes: Any) -> OneBitLamb:
    settings = {"betas": (BETA1, BETA2), "freeze_step": FREEZE} | changes
    return OneBitLamb(groups(parameters), **settings)


def trained(case: dict[str, Any]) -> dict[str, Any]:
    """Parameters after all steps, and whether ranks were equal after each."""
    parameters = parameters_of()
    optimizer = made(parameters, **case)
    equal = []
    for step in range(1, STEPS + 1):
        advance(optimizer, parameters, step, step)
        equal.append(agree(torch.cat([flat(parameters), optimizer.exp_avg, optimizer.factor])))
    return {
        "end": flat(parameters).numpy(),
        "equal": all(equal),
        "factor": optimizer.factor.tolist(),
    }


def world_of_cases() -> dict[str, Any]:
    dist.init_process_group("gloo")
    return {name: trained(case) for name, case in CASES.items()}


@pytest.fixture(scope="module", params=[2, 3])
def world(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return run_ranks(request.param, world_of_cases)


def simulated(ranks: int, name: str) -> torch.Tensor:
    case = dict(CASES[name])
    run = Run(
        ranks,
        codec=case.pop("codec", "sign"),
        corrected=case.pop("bias_correction", True),
        floor=case.pop("denominator_floor", 0.1),
        clipping=case.pop("clipping", 0.0),
    )
    return list(onebit_lamb(run, Ratios(**case), FREEZE, STEPS))[-1]


@pytest.mark.ranks(3)
@pytest.mark.parametrize("name", CASES)
def test_processes_compute_what_the_simulation_does(name: str, world: list[Any]) -> None:
    wanted = simulated(len(world), name)
    for rank in world:
        distance = ((torch.from_numpy(rank[name]["end"]) - wanted).norm() / wanted.norm()).item()
        assert distance < 1e-10
    print(f"{name}, {len(world)} ranks: {distance:.1e}, factors {rank[name]['factor']}")


@pytest.mark.ranks(3)
def test_ranks_have_the_same_bits_after_every_step(world: list[Any]) -> None:
    assert all(rank[name]["equal"] for rank in world for name in CASES)


@pytest.mark.ranks(3)
def test_one_bit_learns_like_the_momentum_itself(world: list[Any]) -> None:
    found = {name: score(torch.from_numpy(world[0][name]["end"])) for name in ("plain", "identity")}
    print(f"{len(world)} ranks: {found}")
    assert found["plain"] < 1.1 * found["identity"]


def test_dense_steps_are_those_of_lamb() -> None:
    ends = []
    for kind in (OneBitLamb, Lamb):
        parameters = parameters_of()
        changes = {"betas": (BETA1, BETA2), "eps": 1e-8, "bias_correction": True}
        if kind is Lamb:
            changes |= {"lr": 1e-3, "max_coeff": 10.0, "min_coeff": 0.01}
        optimizer = kind(groups(parameters), **changes)
        advance(optimizer, parameters, 1, 40)
        ends.append(flat(parameters))
    assert (ends[0] - ends[1]).abs().max() < 1e-13


def test_a_tensor_whose_ratio_was_always_1_goes_on_learning() -> None:
    parameters = parameters_of()
    optimizer = made(parameters, max_coeff=1.0, min_coeff=1.0, freeze_step=5)
    advance(optimizer, parameters, 1, 5)
    before = flat(parameters)
    advance(optimizer, parameters, 6, 6)
    assert not torch.equal(before, flat(parameters))
