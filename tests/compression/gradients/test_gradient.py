"""Compressors of the gradient on real processes, against their simulations in float64."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from tests.compression.compressors import compressor as by_name
from tests.compression.simulation import Simulation
from tests.ranks import run_ranks
from zoo.compression.codecs.codec import make_codec
from zoo.compression.fused import Fused
from zoo.compression.gradients.compressor import Compressor
from zoo.compression.gradients.top_k import largest, warming

SHAPES = [(40, 64), (64,), (3, 3), (16, 4, 3, 3), (7,), (300, 20)]
FACTORED = {0: (40, 64), 3: (16, 36), 5: (300, 20)}
NUMEL = sum(math.prod(shape) for shape in SHAPES)
STEPS = 5
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in ("dense", "bf16", "fp16", "int8", "int4")},
    "top-k": ("top-k", {"ratio": 0.05}),
    "top-k kept": ("top-k", {"ratio": 0.05, "mask": False, "momentum": 0.5}),
    "top-k nesterov": ("top-k", {"ratio": 0.02, "nesterov": True, "clip": 1.5}),
    "top-k exact": ("top-k", {"ratio": 0.01, "momentum": 0.0, "value_dtype": None}),
    "power-sgd": ("power-sgd", {}),
    "power-sgd 1": ("power-sgd", {"rank": 1, "seed": 3}),
    "power-sgd cold": ("power-sgd", {"rank": 2, "warm_start": False}),
}
DTYPES = {"float32": torch.float32, "float64": torch.float64}
Result = dict[str, Any]


def gradient(rank: int, step: int) -> Tensor:
    draw = torch.Generator().manual_seed(1000 * rank + step)
    return torch.randn(NUMEL, dtype=torch.float64, generator=draw)


def made(case: str, dtype: torch.dtype) -> Compressor:
    name, options = CASES[case]
    fused = Fused([torch.empty(shape) for shape in SHAPES])
    return by_name(name, fused, None, "cpu", dtype, **options)


def state_of(compressor: Compressor) -> dict[str, Tensor]:
    """All state, as views."""
    pieces = {name: piece for name, (piece, _) in compressor.sharded().items()}
    return compressor.per_rank() | pieces | compressor.shared()


def run(case: str, dtype: torch.dtype, rank: int) -> Result:
    """What each step gave; the state after; whether a copy made half way gives the same bits."""
    compressor, copy, got, same = made(case, dtype), made(case, dtype), [], True
    for step in range(STEPS):
        if step == 2:
            for name, tensor in state_of(compressor).items():
                state_of(copy)[name].copy_(tensor)
        got.append(compressor(gradient(rank, step).to(dtype)).numpy().copy())
        if step >= 2:
            same &= np.array_equal(got[-1], copy(gradient(rank, step).to(dtype)).numpy())
    state = {name: tensor.numpy() for name, tensor in compressor.per_rank().items()}
    starts = {name: start for name, (_, start) in compressor.sharded().items()}
    pieces = {name: piece.numpy() for name, (piece, _) in compressor.sharded().items()}
    return {"got": got, "state": state, "pieces": pieces, "starts": starts} | {
        "sent": compressor.sent, "resumed": same,
    }  # fmt: skip


def everything() -> Result:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    results = {
        (case, name): run(case, dtype, rank) for case in CASES for name, dtype in DTYPES.items()
    }
    results["low rank"] = low_rank_gradient()
    dist.destroy_process_group()
    return results


def low_rank_gradient() -> float:
    """How far PowerSGD of rank 4 is from a mean of rank 3."""
    compressor, mean = made("power-sgd", torch.float64), gradient(0, 0)
    for index, shape in FACTORED.items():
        start = sum(math.prod(shape) for shape in SHAPES[:index])
        draw = torch.Generator().manual_seed(index)
        left = torch.randn(shape[0], 3, dtype=torch.float64, generator=draw)
        right = torch.randn(3, shape[1], dtype=torch.float64, generator=draw)
        mean[start : start + math.prod(shape)] = (left @ right).flatten()
    return float((compressor(mean) - mean).abs().max())


@pytest.fixture(scope="module", params=[2, 4])
def world(request: pytest.FixtureRequest) -> Iterator[list[Result]]:
    """What each rank of a world of 2 and of 4 saw."""
    yield run_ranks(request.param, everything)


def two_phase(name: str, ranks: int) -> list[Tensor]:
    """Means over a codec; only int4 remembers."""
    codec = "identity" if name == "dense" else name
    padded = math.ceil(NUMEL / (ranks * 1024)) * ranks * 1024
    simulation, got = Simulation(codec, codec, NUMEL, padded, ranks), []
    for step in range(STEPS):
        if name != "int4":
            simulation = Simulation(codec, codec, NUMEL, padded, ranks)
        got.append(simulation([gradient(rank, step) for rank in range(ranks)]))
    return got


def deep(options: dict[str, Any], ranks: int) -> list[Tensor]:
    """Deep Gradient Compression, each rank's selection by a full sort."""
    beta, nesterov = options.get("momentum", 0.9), options.get("nesterov", False)
    short = torch.float64 if "value_dtype" in options else torch.bfloat16
    u, v = (torch.zeros(ranks, NUMEL, dtype=torch.float64) for _ in range(2))
    count, got = math.ceil(options["ratio"] * NUMEL), []
    for step in range(STEPS):
        mean = torch.zeros(NUMEL, dtype=torch.float64)
        for rank in range(ranks):
            g = gradient(rank, step)
            if "clip" in options:
                g = g * min(1, options["clip"] / ranks**0.5 / g.norm().item())
            u[rank] = beta * (u[rank] + g) if nesterov else beta * u[rank] + g
            v[rank] += u[rank] + g if nesterov else u[rank]
            chosen = v[rank].abs().argsort(descending=True)[:count]
            sent = v[rank, chosen].to(short).double()
            mean[chosen] += sent / ranks
            v[rank, chosen] -= sent
            if options.get("mask", True):
                u[rank, chosen] = 0
        got.append(mean)
    return got


def power(options: dict[str, Any], ranks: int) -> list[Tensor]:
    """PowerSGD: the mean projected on the span of mean(M) Q, found here by a decomposition."""
    r, warm = options.get("rank", 4), options.get("warm_start", True)
    error, got = torch.zeros(ranks, NUMEL, dtype=torch.float64), []
    right: dict[int, Tensor] = {}
    for step in range(STEPS):
        draw = torch.Generator().manual_seed(options.get("seed", 0) + (0 if warm else step + 1))
        owed = error + torch.stack([gradient(rank, step) for rank in range(ranks)])
        mean = owed.mean(0)
        error = torch.zeros_like(owed)
        for index, shape in FACTORED.items():
            start = sum(math.prod(shape) for shape in SHAPES[:index])
            part = slice(start, start + math.prod(shape))
            matrix = owed[:, part].mean(0).view(shape)
            fresh = torch.randn(shape[1], r, dtype=torch.float64, generator=draw)
            left = torch.linalg.svd(matrix @ right.get(index, fresh), full_matrices=False).U
            if warm:
                right[index] = matrix.T @ left
            mean[part] = (left @ left.T @ matrix).flatten()
            error[:, part] = owed[:, part] - mean[part]
        got.append(mean)
    return got


def simulated(case: str, ranks: int) -> list[Tensor]:
    name, options = CASES[case]
    if name == "top-k":
        return deep(options, ranks)
    return power(options, ranks) if name == "power-sgd" else two_phase(name, ranks)


@pytest.mark.parametrize("case", CASES)
def test_the_run_is_its_float64_simulation(world: list[Result], case: str) -> None:
    steps = simulated(case, len(world))
    for result in world:
        for mine, wanted in zip(result[case, "float64"]["got"], steps, strict=True):
            assert np.abs(mine - wanted.numpy()).max() <= 1e-10 * wanted.abs().max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_all_ranks_hold_the_same_bits(world: list[Result], case: str, dtype: str) -> None:
    for result in world[1:]:
        both = (world[0][case, dtype]["got"], result[case, dtype]["got"])
        for mine, theirs in zip(*both, strict=True):
            assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_state_that_is_copied_goes_on_with_the_same_bits(
    world: list[Result], case: str, dtype: str
) -> None:
    assert all(result[case, dtype]["resumed"] for result in world)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ["int4", "power-sgd", "power-sgd 1", "top-k exact", "bf16"])
def test_what_has_a_memory_loses_nothing(world: list[Result], case: str, dtype: str) -> None:
    """Sum of results + mean of what the ranks owe = sum of the true means; bf16 has no memory."""
    ranks, total = range(len(world)), sum(world[0][case, dtype]["got"])
    truth = sum(gradient(rank, step) for rank in ranks for step in range(STEPS)) / len(world)
    for result in world:
        state, pieces = result[case, dtype]["state"], result[case, dtype]["pieces"]
        owed = state.get("worker_error", state.get("velocity"))
        if owed is not None:
            total = total + owed / len(world)
        for name, piece in pieces.items():
            start = result[case, dtype]["starts"][name]
            total[start : start + piece.size] += piece
    fault = np.abs(total - truth.numpy()).max() / truth.abs().max().item()
    bound = {"float32": 1e-5, "float64": 1e-12}[dtype]
    assert fault > 1e-4 if case == "bf16" else fault < bound


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_are_those_of_the_formula(world: list[Result], case: str) -> None:
    (name, options), ranks = CASES[case], len(world)
    padded = math.ceil(NUMEL / (ranks * 1024)) * ranks * 1024
    if name == "top-k":
        wide = 4 if "value_dtype" in options else 2
        a_step = (ranks - 1) * math.ceil(options["ratio"] * NUMEL) * (4 + wide)
    elif name == "power-sgd":
        r = options.get("rank", 4)
        whole = NUMEL - sum(math.prod(shape) for shape in FACTORED.values())
        a_step = 2 * (ranks - 1) * 4 * (r * sum(map(sum, FACTORED.values())) + whole) // ranks
    elif name == "dense":
        a_step = 2 * (ranks - 1) * 4 * NUMEL // ranks
    else:
        block = make_codec(name).block
        padded = math.ceil(NUMEL / (ranks * math.lcm(8, block))) * ranks * math.lcm(8, block)
        a_step = 2 * (ranks - 1) * make_codec(name).bytes(padded) // ranks
    for result in world:
        assert abs(result[case, "float32"]["sent"] - STEPS * a_step) <= 2 * STEPS


def test_what_travels_whole_is_never_owed(world: list[Result]) -> None:
    factored = torch.zeros(NUMEL, dtype=torch.bool)
    for index in FACTORED:
        start = sum(math.prod(shape) for shape in SHAPES[:index])
        factored[start : start + math.prod(SHAPES[index])] = True
    for result in world:
        owed = result["power-sgd", "float32"]["state"]["worker_error"]
        assert np.array_equal(owed != 0, factored.numpy())


def test_a_mean_of_lower_rank_arrives_whole(world: list[Result]) -> None:
    assert all(result["low rank"] < 1e-10 for result in world)


@pytest.mark.parametrize("case", CASES)
def test_alone_nothing_is_compressed_and_what_was_owed_is_paid(case: str) -> None:
    compressor = made(case, torch.float64)
    first, second = gradient(0, 0), gradient(0, 1)
    owed = gradient(0, 2)
    known = compressor.per_rank()
    if "worker_error" in known:
        known["worker_error"].copy_(owed)
        torch.testing.assert_close(compressor(first.clone()), first + owed)
        torch.testing.assert_close(compressor(second.clone()), second)
    elif "velocity" in known:
        options = CASES[case][1]
        if "clip" not in options:
            known["velocity"].copy_(owed)
            torch.testing.assert_close(compressor(first), first + owed)
            momentum = options.get("momentum", 0.9)
            torch.testing.assert_close(compressor(second), second + momentum * first)
    else:
        assert torch.equal(compressor(first.clone()), first)
    assert compressor.sent == 0
    with pytest.raises(FloatingPointError):
        compressor(first / 0)


@pytest.mark.parametrize("count", [1, 777, 20000, 900000])
def test_the_largest_are_found_exactly_with_a_sampled_threshold(count: int) -> None:
    draw = torch.Generator().manual_seed(count)
    even = torch.randn(1 << 20, generator=draw)
    patterned = even.clone()
    patterned.view(-1, 16)[:, 1:] *= 1e-3
    sparse = even * (even.abs() > 3)
    for values in (even, patterned, sparse, torch.zeros(1 << 20), even.sort().values):
        found = largest(values, count)
        assert found.unique().numel() == found.numel() == count
        wanted = values.abs().topk(count).values.sort().values
        assert torch.equal(values[found].abs().sort().values, wanted)


def test_the_kept_share_falls_in_stages() -> None:
    ratio_at = warming(0.001, 400)
    kept = [ratio_at(step) for step in (0, 99, 100, 200, 300, 400, 10**6)]
    wanted = [0.001 ** (stage / 5) for stage in (1, 1, 2, 3, 4, 5, 5)]
    assert kept == pytest.approx(wanted)
    assert kept[0] == pytest.approx(0.25, rel=0.01)
