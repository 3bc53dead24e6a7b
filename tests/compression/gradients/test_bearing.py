"""What a rank cannot send it says before; what ranks may round otherwise one of them sends."""

from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.compression.gradients.test_gradient import CASES, gradient, made, state_of
from tests.ranks import run_ranks


@pytest.mark.parametrize("case", CASES)
def test_a_gradient_that_cannot_be_sent_is_told_before_any_state_is_touched(case: str) -> None:
    compressor, fine = made(case, torch.float32), gradient(0, 0).float()
    before = {name: value.clone() for name, value in state_of(compressor).items()}
    spoilt = [fine * factor for factor in (torch.inf, torch.nan, 1e30)]  # squares of 1e30 overflow
    if case == "fp16":
        spoilt.append(fine * 1e5)
    assert compressor.bears(fine) and not any(compressor.bears(one) for one in spoilt)
    assert all(torch.equal(before[name], value) for name, value in state_of(compressor).items())


def means() -> list[list[float]]:
    """A step of PowerSGD on ranks that round otherwise: where their hardware has one name, and
    where it has two.
    """
    dist.init_process_group("gloo")
    rank, exact, found = dist.get_rank(), torch.linalg.qr, []

    def rounded(matrix: torch.Tensor) -> Any:
        return exact(matrix * (1 + 1e-3 * rank * (matrix > 0)))

    for name in ("one kind", f"kind {rank}"):
        torch.backends.cpu.get_cpu_capability = lambda name=name: name
        torch.linalg.qr = exact  # of the first factors, drawn from a seed
        compressor = made("power-sgd", torch.float64)
        torch.linalg.qr = rounded
        found.append(compressor(gradient(rank, 0)).tolist())
    dist.destroy_process_group()
    return found


@pytest.mark.ranks(2)
def test_ranks_on_other_hardware_get_the_same_bits_of_powersgd() -> None:
    first, second = run_ranks(2, means)
    assert first[0] != second[0], "what is to be mended"
    assert first[1] == second[1]
