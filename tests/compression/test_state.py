"""What a checkpoint keeps: the same ranks go on bit for bit, other ranks owe what was owed."""

import json
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from tests.compression.learner import NUMEL, advance, agree, flat, groups, parameters_of
from tests.compression.optimizer_simulation import BETA1, BETA2
from tests.ranks import run_ranks
from zoo.compression.optimizers.communicating import Communicating
from zoo.compression.optimizers.onebit_adam import OneBitAdam
from zoo.compression.optimizers.onebit_lamb import OneBitLamb
from zoo.compression.optimizers.sharded import ShardedOneBitAdam
from zoo.compression.optimizers.zero_one_adam import ZeroOneAdam

FREEZE, MORE = 12, 10
POLICY = {
    "var_freeze_step": FREEZE,
    "var_update_scaler": 4,
    "local_step_scaler": 5,
    "local_step_clipper": 4,
}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "onebit adam": (OneBitAdam, {"freeze_step": FREEZE, "clipping": 0.3}),
    "zero one adam": (ZeroOneAdam, POLICY),
    "onebit lamb": (OneBitLamb, {"freeze_step": FREEZE}),
    "sharded": (ShardedOneBitAdam, {"freeze_step": FREEZE, "parameter_codec": "sign"}),
}
STOPS = {"dense": 5, "between": 11, "just frozen": FREEZE, "compressed": 30}


def made(kind: str) -> tuple[list[Any], Communicating]:
    parameters = parameters_of()
    maker, settings = KINDS[kind]
    return parameters, maker(groups(parameters), betas=(BETA1, BETA2), **settings)


def saved(parameters: list[Any], optimizer: Communicating) -> dict[str, Any]:
    """What this rank would write: by tensors' numpy, and a line of JSON."""

    def kept(tensor: Tensor) -> np.ndarray:
        return tensor.detach().clone().numpy()

    return {
        "parameters": [kept(parameter) for parameter in parameters],
        "state": [
            {name: kept(value) for name, value in optimizer.state[p].items()} for p in parameters
        ],
        "per_rank": {name: kept(view) for name, view in optimizer.per_rank().items()},
        "sharded": {name: (kept(view), at) for name, (view, at) in optimizer.sharded().items()},
        "shared": {name: kept(view) for name, view in optimizer.shared().items()},
        "counters": json.dumps(optimizer.counters()),
    }


@torch.no_grad()
def load(files: list[dict[str, Any]], parameters: list[Any], optimizer: Communicating) -> None:
    """Reads what all old ranks wrote: one's own file where it fits, else means and parts."""
    rank, same = dist.get_rank(), len(files) == dist.get_world_size()
    common = files[0]
    optimizer.load_counters(json.loads(common["counters"]))  # order does not matter
    for parameter, value, state in zip(
        parameters, common["parameters"], common["state"], strict=True
    ):
        parameter.copy_(torch.from_numpy(value))
        for name, found in state.items():
            optimizer.state[parameter][name].copy_(torch.from_numpy(found))
    for name, view in optimizer.shared().items():
        view.copy_(torch.from_numpy(common["shared"][name]))
    for name, view in optimizer.per_rank().items():
        old = [file["per_rank"][name] for file in files]
        view.copy_(torch.from_numpy(old[rank] if same else np.mean(old, 0)))
    for name, (view, at) in optimizer.sharded().items():
        whole = whole_of(files, name)
        view.copy_(torch.from_numpy(whole[at : at + len(view)]))


def whole_of(files: list[dict[str, Any]], name: str) -> np.ndarray:
    whole = np.full(NUMEL, np.nan)
    for file in files:
        part, at = file["sharded"][name]
        whole[at : at + len(part)] = part
    return whole


def owed(files: list[dict[str, Any]]) -> np.ndarray:
    """The total residual: mean worker error + server error."""
    mean = np.mean([file["per_rank"]["worker_error"] for file in files], 0)
    return mean + whole_of(files, "server_error")


def exchanged(file: dict[str, Any]) -> list[dict[str, Any]]:
    files: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(files, file)
    return files


def resumed(kind: str, stop: int) -> dict[str, bool]:
    """Goes on with one optimizer, and with another that loaded its state at a stop."""
    parameters, optimizer = made(kind)
    advance(optimizer, parameters, 1, stop)
    optimizer.settle()
    files = exchanged(saved(parameters, optimizer))
    others, other = made(kind)
    load(files, others, other)
    equal = []
    for step in range(stop + 1, stop + MORE + 1):
        advance(optimizer, parameters, step, step)
        advance(other, others, step, step)
        equal.append(torch.equal(flat(parameters), flat(others)))
    optimizer.settle()
    other.settle()
    found, wanted = saved(others, other), saved(parameters, optimizer)
    return {"steps": all(equal), "state": same(found, wanted)}


def same(found: Any, wanted: Any) -> bool:
    """Deep equality, bit for bit."""
    if isinstance(wanted, dict):
        return set(found) == set(wanted) and all(same(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, (list, tuple)):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    return bool(np.array_equal(found, wanted))


def world_that_resumes() -> dict[str, dict[str, bool]]:
    dist.init_process_group("gloo")
    return {f"{kind}, {stop}": resumed(kind, at) for kind in KINDS for stop, at in STOPS.items()}


def world_that_saves() -> dict[str, dict[str, Any]]:
    """Each optimizer after compressed steps."""
    dist.init_process_group("gloo")
    files = {}
    for kind in KINDS:
        parameters, optimizer = made(kind)
        advance(optimizer, parameters, 1, STOPS["compressed"])
        optimizer.settle()
        files[kind] = saved(parameters, optimizer)
    return files


def world_that_loads(old: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What is owed after loading, and whether ranks agree a few steps later."""
    dist.init_process_group("gloo")
    found = {}
    for kind in KINDS:
        parameters, optimizer = made(kind)
        load([file[kind] for file in old], parameters, optimizer)
        state = saved(parameters, optimizer)
        advance(optimizer, parameters, STOPS["compressed"] + 1, STOPS["compressed"] + 8)
        optimizer.settle()
        moved = float(np.abs(flat(parameters).numpy()).max())
        found[kind] = {"state": state, "agree": agree(flat(parameters)), "largest": moved}
    return found


@pytest.mark.ranks(2)
def test_the_same_ranks_go_on_bit_for_bit() -> None:
    for rank in run_ranks(2, world_that_resumes):
        assert rank == {name: {"steps": True, "state": True} for name in rank}


@pytest.mark.ranks(4)
@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2)])
def test_other_ranks_owe_what_was_owed(before: int, after: int) -> None:
    old = run_ranks(before, world_that_saves)
    new = run_ranks(after, world_that_loads, old)
    for kind in KINDS:
        wanted = owed([file[kind] for file in old])
        found = owed([rank[kind]["state"] for rank in new])
        distance = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
        print(f"{kind}, {before} to {after}: {distance:.1e} of {np.linalg.norm(wanted):.3g}")
        assert np.linalg.norm(wanted) > 0
        assert distance < 1e-6
        assert all(rank[kind]["agree"] and rank[kind]["largest"] < 10 for rank in new)
    sharded = [file["sharded"] for file in old], [rank["sharded"]["state"] for rank in new]
    for name in ("exp_avg", "exp_avg_sq", "master"):
        assert np.array_equal(*(whole_of(files, name) for files in sharded))


def test_buffers_are_there_before_the_first_step() -> None:
    for kind in KINDS:
        parameters, optimizer = made(kind)
        if kind != "sharded":
            names = set(optimizer.state[parameters[0]])
            assert {"exp_avg", "exp_avg_sq"} <= names
            optimizer.state[parameters[1]]["exp_avg"].fill_(3)
            start, numel = optimizer.slots()[1][1:]
            assert (optimizer.exp_avg[start : start + numel] == 3).all()
        assert optimizer.per_rank()["worker_error"].numel() == NUMEL
        with pytest.raises(TypeError, match="views"):
            optimizer.load_state_dict({})
