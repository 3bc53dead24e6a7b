"""Codecs bit for bit: what is packed is what is unpacked, and nothing but the residual is lost."""

import pytest
import torch
from torch import Tensor

from tests.compression.simulation import BLOCK, coded
from zoo.compression.codecs.codec import CODECS, Codec, make_codec
from zoo.compression.codecs.sign import SignCodec
from zoo.compression.fused import Fused

SIZES = [(1024, 1024), (1024, 5), (1024, 0), (3072, 2049), (3072, 1000), ((1 << 19) + 2048, 600000)]
DTYPES = [torch.float32, torch.float64]


def round_trip(codec: Codec, values: Tensor, valid: int) -> tuple[Tensor, Tensor, Tensor]:
    """Message, what arrives, and the residual."""
    residual = values.clone()
    message = torch.empty(codec.bytes(values.numel(), values.dtype), dtype=torch.uint8)
    codec.encode(residual, valid, message)
    arrived = torch.full_like(values, torch.nan)
    codec.decode(message, arrived)
    return message, arrived, residual


def drawn(numel: int, valid: int, dtype: torch.dtype) -> Tensor:
    """Values of very different size by block, with garbage in the padding."""
    valid = min(numel, valid)
    values = torch.randn(numel, dtype=dtype, generator=torch.Generator().manual_seed(numel + valid))
    values *= torch.logspace(-6, 3, numel, dtype=dtype)
    values[valid:] = 1e4
    return values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("numel", "valid"), SIZES)
@pytest.mark.parametrize("name", CODECS)
def test_what_arrives_and_the_residual_make_up_the_values(
    name: str, numel: int, valid: int, dtype: torch.dtype
) -> None:
    codec, values = make_codec(name), drawn(numel, valid, dtype)
    _, arrived, residual = round_trip(codec, values, valid)
    assert torch.equal(residual[:valid], (values - arrived)[:valid])
    assert not residual[valid:].any()


@pytest.mark.parametrize(("numel", "valid"), SIZES)
@pytest.mark.parametrize("name", CODECS)
def test_what_arrives_is_the_formula_in_float64(name: str, numel: int, valid: int) -> None:
    values = drawn(numel, valid, torch.float64)
    _, arrived, _ = round_trip(make_codec(name), values, valid)
    wanted = coded(name, values, (torch.arange(numel) < valid).double())
    torch.testing.assert_close(arrived[:valid], wanted[:valid], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", CODECS)
def test_a_message_in_float32_is_that_of_float64_up_to_rounding(name: str) -> None:
    values = drawn(4096, 4000, torch.float32)
    _, short, _ = round_trip(make_codec(name), values, 4000)
    _, long, _ = round_trip(make_codec(name), values.double(), 4000)
    difference = (short - long).abs()[:4000] > 1e-5 * long.abs()[:4000]
    assert difference.sum() <= (2 if name in ("int8", "int4") else 0)  # on the edge of two codes


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_bit_k_of_a_byte_is_the_sign_of_element_k(dtype: torch.dtype) -> None:
    values = drawn(1 << 19, 1 << 19, dtype)
    message, arrived, _ = round_trip(SignCodec(), values, 1 << 19)
    bits = (message[: values.numel() // 8, None] >> torch.arange(8)) & 1
    assert torch.equal(bits.flatten().bool(), values >= 0)
    assert torch.equal(arrived > 0, values >= 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_zero_and_minus_zero_are_sent_as_plus(dtype: torch.dtype) -> None:
    values = torch.zeros(1024, dtype=dtype)
    values[::2] = -0.0
    values[7] = 32.0
    message, arrived, residual = round_trip(SignCodec(), values, 1024)
    assert (message[:128] == 255).all()
    assert torch.equal(arrived, torch.ones_like(values))
    assert residual[0] == residual[1] == -1
    assert residual[7] == 31


@pytest.mark.parametrize("name", CODECS)
def test_zeros_arrive_as_zeros(name: str) -> None:
    _, arrived, residual = round_trip(make_codec(name), torch.zeros(2048), 2000)
    assert not arrived.any()
    assert not residual.any()


def test_the_mean_of_absolute_values_is_the_projection_on_the_signs() -> None:
    values = drawn(2048, 1500, torch.float64)
    _, arrived, residual = round_trip(SignCodec(scale="l1"), values, 1500)
    assert arrived[0].abs() == pytest.approx(values[:1024].abs().mean())
    assert arrived[1024].abs() == pytest.approx(values[1024:1500].abs().mean())
    assert (arrived * residual)[:1024].sum().abs() < 1e-12 * values[:1024].norm() ** 2


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", CODECS)
def test_a_value_that_is_not_finite_is_refused(name: str, bad: float) -> None:
    values = torch.randn(2048)
    values[1500] = bad
    with pytest.raises(FloatingPointError):
        round_trip(make_codec(name), values, 2048)


@pytest.mark.parametrize("name", CODECS)
def test_garbage_in_the_padding_changes_nothing(name: str) -> None:
    clean = drawn(2048, 1100, torch.float32)
    dirty = clean.clone()
    clean[1100:], dirty[1100:] = 0, torch.nan
    both = [round_trip(make_codec(name), values, 1100) for values in (clean, dirty)]
    for one, other in zip(*both, strict=True):
        assert torch.equal(one[:1100], other[:1100])


def test_a_value_beyond_the_range_of_half_precision_is_refused() -> None:
    with pytest.raises(FloatingPointError):
        round_trip(make_codec("fp16"), torch.full((8,), 1e5), 8)


def test_tiny_and_huge_values_keep_their_codes_in_range() -> None:
    for size in (1e-45, 3e-43, 1e-38, 1e38):
        values = torch.linspace(-1, 1, 1024).mul(size)
        for name in ("int8", "int4"):
            _, arrived, residual = round_trip(make_codec(name), values, 1024)
            assert arrived.abs().max() <= values.abs().max() * 1.001
            assert torch.equal(values - arrived, residual)


def test_messages_have_the_length_that_the_formula_says() -> None:
    lengths = {name: make_codec(name).bytes(1 << 20) for name in CODECS}
    million = 1 << 20
    assert lengths["sign"] == million // 8 + 4 * million // BLOCK["sign"]
    assert lengths["int8"] == million + 4 * million // BLOCK["int8"]
    assert lengths["int4"] == million // 2 + 4 * million // BLOCK["int4"]
    assert lengths["bf16"] == lengths["fp16"] == 2 * million
    assert lengths["identity"] == 4 * million
    assert make_codec("sign").bytes(1024, torch.float64) == 128 + 8


def test_unknown_names_and_blocks_that_do_not_exist_are_refused() -> None:
    for name, block in (("two-bit", None), ("bf16", 64), ("sign", 12), ("int4", 4)):
        with pytest.raises(ValueError):
            make_codec(name, block)
    assert make_codec("sign", 8).block == 8


def test_fused_parameters_are_views_of_one_buffer_and_missing_ones_are_zeros() -> None:
    parameters = [torch.randn(3, 4), torch.randn(5), torch.randn(2, 2, 2)]
    fused = Fused(parameters)
    flat = torch.full((fused.numel + 3,), 9.0)
    fused.gather([parameters[0].T.contiguous().T, None, parameters[2]], flat)
    assert [view.shape for view in fused.views(flat)] == [p.shape for p in parameters]
    assert torch.equal(fused.views(flat)[0], parameters[0])
    assert not fused.views(flat)[1].any()
    assert (flat[fused.numel :] == 9).all()
    fused.views(flat)[1].fill_(2)
    assert (flat[12:17] == 2).all()
    with pytest.raises(ValueError):
        Fused([parameters[0], parameters[0]])
