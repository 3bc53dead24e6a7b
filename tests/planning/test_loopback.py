"""Bytes that the real classes send among ranks that echo, against formulas worked by hand."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from tests.compression.compressors import compressor
from zoo.compression.fused import Fused
from zoo.compression.gradients.two_phase import TwoPhase
from zoo.compression.optimizers.onebit_adam import OneBitAdam
from zoo.compression.optimizers.sharded import ShardedOneBitAdam
from zoo.planning.loopback import loopback

ROWS = 2700
NUMEL = ROWS * 1024  # whole blocks on 2 and on 4 ranks


@pytest.fixture
def parameter() -> nn.Parameter:
    """One matrix with a gradient."""
    torch.manual_seed(0)
    found = nn.Parameter(torch.randn(ROWS, 1024))
    found.grad = torch.randn(ROWS, 1024)
    return found


# bytes of two ranks, N = 2,764,800: 2 (n-1)/n times 4N; 2N; N + 4 N/1024; N/2 + 4 N/256
GRADIENTS = {
    "dense": 11_059_200,
    "bf16": 5_529_600,
    "int8": 2_775_600,
    "int4": 1_425_600,
}


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("kind", GRADIENTS)
def test_a_compressor_sends_what_its_formula_says(
    kind: str, ranks: int, parameter: nn.Parameter
) -> None:
    with loopback(ranks):
        made = compressor(kind, Fused([parameter]), None, "cpu")
        mean = made(torch.randn(NUMEL))
    assert torch.isfinite(mean).all()
    assert made.sent == GRADIENTS[kind] * (1 if ranks == 2 else 1.5)  # 2 (n-1)/n is 1, then 1.5


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_largest_hundredth_goes_to_every_other_rank(
    ranks: int, parameter: nn.Parameter
) -> None:
    with loopback(ranks):
        made = compressor("top-k", Fused([parameter]), None, "cpu", ratio=0.01)
        made(torch.randn(NUMEL))
    assert made.sent == (ranks - 1) * 27_648 * (4 + 2)  # int32 and bf16


@pytest.mark.parametrize("ranks", [2, 4])
def test_power_sgd_sends_two_thin_factors(ranks: int, parameter: nn.Parameter) -> None:
    with loopback(ranks):
        made = compressor("power-sgd", Fused([parameter]), None, "cpu", rank=4)
        made(torch.randn(NUMEL))
    assert made.sent == 4 * 4 * (2700 + 1024) * (1 if ranks == 2 else 1.5)


@pytest.mark.parametrize("ranks", [2, 4])
def test_one_bit_adam_sends_a_bit_an_element_and_a_scale_a_block(
    ranks: int, parameter: nn.Parameter
) -> None:
    with loopback(ranks):
        optimizer = OneBitAdam([parameter], freeze_step=1)
        optimizer.step()
        dense = optimizer.sent
        optimizer.step()
    assert dense == 4 * NUMEL * (1 if ranks == 2 else 1.5)
    assert optimizer.sent - dense == (345_600 + 10_800) * (1 if ranks == 2 else 1.5)


# down: (n-1)/n d N with d = 2; 1 + 4/1024; 1/8 + 4/1024
DOWN = {"bf16": 2_764_800, "int8": 1_387_800, "sign": 178_200}


@pytest.mark.parametrize("codec", DOWN)
def test_owners_send_parameters_down_beside_two_phases_of_momentum(
    codec: str, parameter: nn.Parameter
) -> None:
    with loopback(2):
        optimizer = ShardedOneBitAdam([parameter], freeze_step=1, parameter_codec=codec)
        for _ in range(2):
            optimizer.step()
        before = optimizer.sent
        optimizer.step()
    assert optimizer.sent - before == 356_400 + DOWN[codec]


# of N = 13.8 million, two ranks, in MB
TABLE = {"dense": 55.2, "bf16": 27.6, "int8": 13.85, "int4": 7.12, "sign": 1.779}


@pytest.mark.parametrize("kind", TABLE)
def test_thirteen_million_elements_send_what_the_table_says(kind: str) -> None:
    fused = Fused([nn.Parameter(torch.zeros(13_800_000))])
    with loopback(2):
        sign = TwoPhase(fused, None, "cpu", codec="sign", feedback=True)
        made = sign if kind == "sign" else compressor(kind, fused, None, "cpu")
        made(torch.ones(13_800_000))
    assert made.sent / 1e6 == pytest.approx(TABLE[kind], rel=1e-3)


def test_no_group_is_left_behind() -> None:
    with pytest.raises(RuntimeError, match="inside"), loopback(3):
        assert dist.get_world_size() == 3
        raise RuntimeError("inside")
    assert not dist.is_initialized()
