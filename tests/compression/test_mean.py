"""The error-feedback mean on real processes: its identities, its float64 simulation, its bytes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from tests.compression.simulation import Simulation, coded
from tests.ranks import run_ranks
from zoo.compression.codecs.codec import CODECS, make_codec
from zoo.compression.mean import TwoPhaseMean, gather_chunks

NUMEL, STEPS = 9000, 4
PAIRS = [*((name, name) for name in CODECS), ("sign", "int8"), ("int4", "bf16")]
DTYPES = {"float32": torch.float32, "float64": torch.float64}
Result = dict[str, Any]


def values_of(rank: int, step: int) -> Tensor:
    """One rank's vector of a step, in float64: blocks of very different size."""
    draw = torch.Generator().manual_seed(1000 * rank + step)
    return torch.randn(NUMEL, dtype=torch.float64, generator=draw) * torch.logspace(-3, 1, NUMEL)


def made(up: str, down: str, dtype: torch.dtype, **options: Any) -> TwoPhaseMean:
    return TwoPhaseMean(
        NUMEL, make_codec(up), None, "cpu", dtype, server_codec=make_codec(down), **options
    )


def run(mean: TwoPhaseMean, rank: int) -> Result:
    """Some steps: what came back, what is owed, the largest fault of the worker identity."""
    dtype, got, fault = mean.worker_error.dtype, [], 0.0
    for step in range(STEPS):
        owed = mean.worker_error.clone()
        owed[:NUMEL] += values_of(rank, step).to(dtype)
        residual, sent = owed.clone(), torch.empty_like(owed)
        message = torch.empty(mean.codec.bytes(mean.padded, dtype), dtype=torch.uint8)
        mean.codec.encode(residual, NUMEL, message)
        mean.codec.decode(message, sent)
        got.append(mean(values_of(rank, step).to(dtype)).numpy().copy())
        if mean.feedback:
            lost = (owed - sent - mean.worker_error)[:NUMEL].abs()
            fault = max(fault, (lost / owed[:NUMEL].abs().clamp(min=1e-9)).max().item())
    return {
        "got": got, "worker": mean.worker_error.numpy(), "server": mean.server_error.numpy(),
        "fault": fault, "sent": mean.sent, "chunk": (mean.chunk.start, mean.chunk.stop),
        "padded": mean.padded,
    }  # fmt: skip


def refusal(rank: int) -> tuple[bool, bool]:
    """Whether a NaN is refused, and leaves the state as it was."""
    mean = made("sign", "sign", torch.float32)
    mean(values_of(rank, 0).float())
    before = mean.worker_error.clone(), mean.server_error.clone()
    bad = values_of(rank, 1).float()
    bad[17] = torch.nan
    with pytest.raises(FloatingPointError):
        mean(bad)
    after = mean.worker_error, mean.server_error
    return all(map(torch.equal, before, after)), not any(e.isnan().any() for e in after)


def among(ranks: int, rank: int) -> list[Result]:
    """The same mean in a group whose order of ranks is not the world's."""
    group = dist.new_group(list(range(1, ranks)))
    if rank == 0:
        return []
    mean = TwoPhaseMean(NUMEL, make_codec("sign"), group, "cpu", torch.float64)
    return [run(mean, dist.get_rank(group))]


def chunks(rank: int) -> Result:
    """Phase 1 alone, then chunks gathered: the path of a sharded optimizer."""
    mean = made("sign", "sign", torch.float64)
    owned = mean.reduce_to_owner(values_of(rank, 0))
    delta = owned.clone()
    valid = max(min(mean.chunk.stop, NUMEL) - mean.chunk.start, 0)
    whole = gather_chunks(delta, make_codec("int8"), valid, None)
    return {"owned": owned.numpy(), "left": delta.numpy(), "whole": whole[:NUMEL].numpy()} | {
        "server": mean.server_error.numpy(), "sent": mean.sent, "worker": mean.worker_error.numpy()
    }  # fmt: skip


def everything(ranks: int) -> Result:
    """All that one world is asked, on one of its ranks."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    results: Result = {
        (up, down, name): run(made(up, down, dtype), rank)
        for up, down in PAIRS
        for name, dtype in DTYPES.items()
    }
    results["pieces"] = run(made("sign", "int4", torch.float32, pieces=3), rank)
    results["whole"] = run(made("sign", "int4", torch.float32), rank)
    results["forgetful"] = run(made("sign", "sign", torch.float64, feedback=False), rank)
    results["refusal"] = refusal(rank)
    results["group"] = among(ranks, rank)
    results["chunks"] = chunks(rank)
    dist.destroy_process_group()
    return results


@pytest.fixture(scope="module", params=[2, 4])
def world(request: pytest.FixtureRequest) -> Iterator[list[Result]]:
    """What each rank of a world of 2 and of 4 saw."""
    yield run_ranks(request.param, everything, request.param)


def simulated(up: str, down: str, ranks: int, padded: int) -> tuple[Simulation, list[Tensor]]:
    simulation = Simulation(up, down, NUMEL, padded, ranks)
    got = [simulation([values_of(r, step) for r in range(ranks)]) for step in range(STEPS)]
    return simulation, got


def owed(world: list[Result], key: Any) -> np.ndarray:
    """The total residual of a run."""
    worker = sum(result[key]["worker"] for result in world) / len(world)
    return (worker + np.concatenate([result[key]["server"] for result in world]))[:NUMEL]


def mean_of(step: int, ranks: int) -> np.ndarray:
    return sum(values_of(rank, step) for rank in range(ranks)).numpy() / ranks


def close(one: Any, other: Any, tolerance: float) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return bool(np.abs(one - other).max() <= tolerance * np.abs(other).max())


@pytest.mark.parametrize(("up", "down"), PAIRS)
def test_the_run_is_its_float64_simulation(world: list[Result], up: str, down: str) -> None:
    key = (up, down, "float64")
    simulation, wanted = simulated(up, down, len(world), world[0][key]["padded"])
    for result in world:
        for mine, theirs in zip(result[key]["got"], wanted, strict=True):
            assert close(mine, theirs, 1e-10)
    for result, error in zip(world, simulation.worker, strict=True):
        assert np.allclose(result[key]["worker"], error, rtol=0, atol=1e-10)
    server = np.concatenate([result[key]["server"] for result in world])
    assert np.allclose(server, simulation.server, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("up", "down"), PAIRS)
def test_nothing_is_lost_only_delayed(world: list[Result], up: str, down: str, dtype: str) -> None:
    key = (up, down, dtype)
    wanted = sum(mean_of(step, len(world)) for step in range(STEPS))
    assert close(sum(world[0][key]["got"]) + owed(world, key), wanted, BOUND[dtype])
    assert max(result[key]["fault"] for result in world) <= ULPS[dtype]


BOUND = {"float32": 1e-5, "float64": 1e-12}
ULPS = {"float32": 2 * 2**-23, "float64": 2 * 2**-52}


def test_without_feedback_something_is_lost(world: list[Result]) -> None:
    wanted = sum(mean_of(step, len(world)) for step in range(STEPS))
    got = sum(world[0]["forgetful"]["got"]) + owed(world, "forgetful")
    assert not close(got, wanted, 0.05)
    assert not owed(world, "forgetful").any()


def test_all_ranks_hold_the_same_bits(world: list[Result]) -> None:
    for key in [key for key in world[0] if isinstance(key, tuple)] + ["pieces"]:
        for result in world[1:]:
            for mine, theirs in zip(world[0][key]["got"], result[key]["got"], strict=True):
                assert mine.tobytes() == theirs.tobytes()


def test_pieces_change_the_timing_and_not_one_bit(world: list[Result]) -> None:
    for result in world:
        for name in ("got", "worker", "server"):
            assert np.array_equal(result["pieces"][name], result["whole"][name])
        assert result["pieces"]["sent"] == result["whole"]["sent"]


@pytest.mark.parametrize(("up", "down"), PAIRS)
def test_the_bytes_are_those_of_the_formula(world: list[Result], up: str, down: str) -> None:
    ranks = len(world)
    for result in world:
        for dtype in (torch.float32, torch.float64):
            seen = result[up, down, str(dtype).partition(".")[2]]
            a_step = sum(make_codec(name).bytes(seen["padded"], dtype) for name in (up, down))
            assert seen["sent"] == STEPS * (ranks - 1) * a_step // ranks
            assert seen["padded"] % (ranks * make_codec(up).block) == 0
            assert seen["padded"] - NUMEL < ranks * 1024


def test_a_nan_is_refused_before_anything_is_touched(world: list[Result]) -> None:
    assert all(result["refusal"] == (True, True) for result in world)


def test_chunks_belong_to_the_ranks_of_the_group_in_its_order(world: list[Result]) -> None:
    members = world[1:]
    for rank, result in enumerate(members):
        (seen,) = result["group"]
        length = seen["padded"] // len(members)
        assert seen["chunk"] == (rank * length, (rank + 1) * length)
    if len(members) > 1:
        _, wanted = simulated("sign", "sign", len(members), members[0]["group"][0]["padded"])
        for result in members:
            assert close(result["group"][0]["got"], np.stack(wanted), 1e-10)
    else:  # in a group of one nothing is compressed
        assert np.array_equal(members[0]["group"][0]["got"][2], values_of(0, 2))
        assert members[0]["group"][0]["sent"] == 0


def test_phase_one_alone_gives_each_owner_the_mean_of_its_chunk(world: list[Result]) -> None:
    padded = world[0]["chunks"]["worker"].size
    simulation = Simulation("sign", "sign", NUMEL, padded, len(world))
    wanted = simulation.first_phase([values_of(rank, 0) for rank in range(len(world))])
    owned = np.concatenate([result["chunks"]["owned"] for result in world])
    assert close(owned, wanted, 1e-10)
    assert not any(result["chunks"]["server"].any() for result in world)
    size = make_codec("sign").bytes(padded, torch.float64)
    assert world[0]["chunks"]["sent"] == (len(world) - 1) * size // len(world)
    arrived = coded("int8", wanted, simulation.real)[:NUMEL]
    left = np.concatenate([result["chunks"]["left"] for result in world])[:NUMEL]
    assert close(arrived + left, wanted[:NUMEL], 1e-12)
    for result in world:
        assert close(result["chunks"]["whole"], arrived, 1e-10)


def test_alone_nothing_is_compressed_and_a_nan_is_refused() -> None:
    mean = TwoPhaseMean(100, make_codec("sign"), None, "cpu")
    values = torch.randn(100)
    assert mean(values) is values
    assert torch.equal(mean.reduce_to_owner(values)[:100], values)
    assert mean.reduce_to_owner(values).shape == (mean.padded,) == (1024,)
    assert torch.equal(gather_chunks(values.clone(), make_codec("sign"), 100, None), values)
    with pytest.raises(FloatingPointError):
        mean(values / 0)
