"""1-bit Adam on real processes: equal to its simulation, to Adam, and bit-equal on all ranks."""

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
from zoo.compression.optimizers.onebit_adam import OneBitAdam

FREEZE, STEPS = 20, 75
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped": {"clipping": 0.3},
    "as DeepSpeed had it": {"bias_correction": False, "denominator_floor": 0.0},
    "identity": {"codec": "identity"},
    "pieces": {"pieces": 3},
}


def made(parameters: Any, **changes: Any) -> OneBitAdam:
    settings = {"betas": (BETA1, BETA2), "freeze_step": FREEZE} | changes
    return OneBitAdam(groups(parameters), **settings)


def trained(case: dict[str, Any], dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """Parameters after all steps, and whether ranks were equal after each."""
    parameters = parameters_of(dtype)
    optimizer = made(parameters, **case)
    equal = []
    for step in range(1, STEPS + 1):
        advance(optimizer, parameters, step, step)
        equal.append(agree(torch.cat([flat(parameters), optimizer.exp_avg])))
    return {"end": flat(parameters).numpy(), "equal": all(equal), "norm": optimizer.last_norm}


def world_of_cases() -> dict[str, Any]:
    dist.init_process_group("gloo")
    found = {name: trained(case) for name, case in CASES.items()}
    found["single"] = trained({}, torch.float32)
    found["no feedback"] = trained({"feedback": False})
    found["bf16 warm-up"] = trained({"warmup_dtype": "bf16"})
    found["bytes"] = counted()
    found["overflow"] = overflow()
    return found


def counted() -> dict[str, list[int]]:
    """Bytes of each step."""
    sent = {}
    for wire in ("fp32", "bf16"):
        parameters = parameters_of(torch.float32)
        optimizer = made(parameters, warmup_dtype=wire, freeze_step=2)
        totals = [0]
        for step in range(1, 5):
            advance(optimizer, parameters, step, step)
            totals.append(optimizer.sent)
        sent[wire] = [after - before for before, after in pairwise(totals)]
    return sent


def overflow() -> dict[str, bool]:
    """An infinite gradient on the last rank, in each phase: is anything else than before?"""
    found = {}
    for name, steps in (("dense", 5), ("compressed", FREEZE + 5)):
        parameters = parameters_of()
        optimizer = made(parameters)
        advance(optimizer, parameters, 1, steps)
        state = [optimizer.exp_avg, optimizer.exp_avg_sq, *parameters]
        state += [optimizer.mean.worker_error, optimizer.mean.server_error]
        before, counters = [tensor.detach().clone() for tensor in state], optimizer.counters()
        set_rates(optimizer, steps + 1)
        set_gradients(parameters, dist.get_rank(), steps + 1)
        if dist.get_rank() == dist.get_world_size() - 1:
            parameters[2].grad[5, 5] = torch.inf  # type: ignore[index]
        optimizer.step()
        same = all(map(torch.equal, before, state)) and counters == optimizer.counters()
        found[name] = same and optimizer.skipped
        advance(optimizer, parameters, steps + 1, steps + 1)
        found[name] &= not optimizer.skipped and not torch.equal(before[2], parameters[0])
    return found


@pytest.fixture(scope="module", params=[2, 3])
def world(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return run_ranks(request.param, world_of_cases)


def simulated(ranks: int, case: dict[str, Any]) -> torch.Tensor:
    run = Run(
        ranks,
        codec=case.get("codec", "sign"),
        corrected=case.get("bias_correction", True),
        floor=case.get("denominator_floor", 0.1),
        clipping=case.get("clipping", 0.0),
    )
    return list(onebit_adam(run, FREEZE, STEPS))[-1]


@pytest.mark.ranks(3)
@pytest.mark.parametrize("name", CASES)
def test_processes_compute_what_the_simulation_does(name: str, world: list[Any]) -> None:
    wanted = simulated(len(world), CASES[name])
    for rank in world:
        distance = ((torch.from_numpy(rank[name]["end"]) - wanted).norm() / wanted.norm()).item()
        assert distance < 1e-10
    print(f"{name}, {len(world)} ranks: {distance:.1e}")


@pytest.mark.ranks(3)
def test_ranks_have_the_same_bits_after_every_step(world: list[Any]) -> None:
    for rank in world:
        for name in [*CASES, "single", "bf16 warm-up"]:
            assert rank[name]["equal"], name


@pytest.mark.ranks(3)
def test_an_overflow_on_one_rank_changes_nothing_anywhere(world: list[Any]) -> None:
    assert [rank["overflow"] for rank in world] == [{"dense": True, "compressed": True}] * len(
        world
    )


@pytest.mark.ranks(3)
def test_one_bit_learns_like_adam_and_without_feedback_it_does_not(world: list[Any]) -> None:
    adam = score(simulated(len(world), {"codec": "identity"}))
    found = {
        name: score(torch.from_numpy(world[0][name]["end"])) / adam - 1
        for name in ("plain", "single", "bf16 warm-up", "no feedback")
    }
    print(f"{len(world)} ranks, against Adam {adam:.4f}: {found}")
    assert max(found["plain"], found["single"], found["bf16 warm-up"]) < 0.05
    assert found["no feedback"] > 0.1


@pytest.mark.ranks(3)
def test_a_compressed_step_sends_a_bit_an_element_and_a_scale_a_block(world: list[Any]) -> None:
    ranks = len(world)
    padded = {2: 6144, 3: 6144}[ranks]
    share = 2 * (ranks - 1) / ranks
    for rank in world:
        compressed = share * (padded / 8 + 4 * padded / 1024)
        assert rank["bytes"]["fp32"] == [share * padded * 4] * 2 + [compressed] * 2
        assert rank["bytes"]["bf16"] == [share * padded * 2] * 2 + [compressed] * 2


def adams(decay: float, kind: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """After the dense steps of one process: ours and torch's."""
    ends = []
    for ours in (True, False):
        parameters = parameters_of()
        if ours:
            optimizer: Any = made(parameters, freeze_step=1000)
            for group in optimizer.param_groups:
                group["weight_decay"] *= decay
        else:
            optimizer = kind(groups(parameters, 0.05 * decay), betas=(BETA1, BETA2))
        advance(optimizer, parameters, 1, 40)
        ends.append(flat(parameters))
    return ends[0], ends[1]


@pytest.mark.parametrize(("decay", "kind"), [(1, torch.optim.AdamW), (0, torch.optim.Adam)])
def test_dense_steps_are_those_of_torch(decay: float, kind: Any) -> None:
    ours, torchs = adams(decay, kind)
    assert (ours - torchs).abs().max() < 1e-13


def test_a_first_step_of_zeros_is_not_counted() -> None:
    parameters = parameters_of()
    optimizer = made(parameters)
    before = flat(parameters)
    optimizer.step()
    assert optimizer.steps == 0
    assert torch.equal(before, flat(parameters))


def test_a_mask_of_a_group_keeps_elements_still() -> None:
    parameters = parameters_of()
    mask = torch.ones(64, 1)
    mask[10:20] = 0
    table = {"params": parameters[:1], "exp_avg_mask": mask}
    optimizer = OneBitAdam([table, {"params": parameters[1:]}], freeze_step=3, codec="identity")
    for step in range(1, 6):
        set_gradients(parameters, 0, step)
        before = parameters[0].detach().clone()
        optimizer.step()
        still = (before == parameters[0]).all(1)
        assert still[10:20].all() == (step > 3)
    assert optimizer.frozen_counts["masked"] == 10 * 24


def test_parameters_may_be_replaced_by_masters() -> None:
    parameters = parameters_of(torch.bfloat16)
    optimizer = made(parameters)
    masters = parameters_of(torch.float32)
    for group in optimizer.param_groups:
        group["params"] = [
            m for p in group["params"] for m, q in zip(masters, parameters, strict=True) if p is q
        ]
    advance(optimizer, masters, 1, 3)
    assert set(optimizer.state) == set(masters)
    assert [slot[0] for slot in optimizer.slots()] == masters


def test_short_parameters_without_masters_are_refused() -> None:
    parameters = parameters_of(torch.bfloat16)
    optimizer = made(parameters)
    set_gradients(parameters, 0, 1)
    with pytest.raises(ValueError, match="masters"):
        optimizer.step()
