"""How a vector is written in few bytes: one protocol, and the codecs by name."""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from zoo.compression.codecs.integer import IntegerCodec
from zoo.compression.codecs.message import refuse_non_finite, tile_length, tiles
from zoo.compression.codecs.sign import SignCodec


class Codec(Protocol):
    """A lossy map from a flat vector to bytes and back, in blocks of `block` elements.

    Works in float32 and float64; a message is decoded in the dtype in which it was encoded, and
    its scales travel in that dtype. Lengths are multiples of both 8 and the block.
    """

    @property
    def name(self) -> str:
        """Its name in CODECS."""
        ...

    @property
    def block(self) -> int:
        """Elements that share a scale."""
        ...

    @property
    def reach(self) -> float:
        """The largest magnitude that it can write; infinity where scales follow the values."""
        ...

    def bytes(self, numel: int, dtype: torch.dtype = torch.float32) -> int:
        """The length of the message of `numel` elements."""
        ...

    def encode(self, values: Tensor, valid: int, out: Tensor) -> None:
        """Writes the message of `values` (numel,) into `out` (uint8); `values` become the residual.

        Only the first `valid` values are real: the padding has no part in the scales and is left 0.
        FloatingPointError for a value that is not finite; `values` and `out` are then spoilt.
        """
        ...

    def decode(self, message: Tensor, out: Tensor) -> None:
        """Fills `out` (numel,); what stands in the padding means nothing."""
        ...

    def add(self, message: Tensor, out: Tensor, weight: float) -> None:
        """Adds `weight` times what `decode` would give to `out` (numel,)."""
        ...


class CastCodec:
    """Values rounded to a shorter dtype; without one, as they are (nothing is lost)."""

    block = 1

    def __init__(self, name: str, dtype: torch.dtype | None = None) -> None:
        self.name = name
        self.dtype = dtype
        self.reach = math.inf if dtype is None else torch.finfo(dtype).max

    def bytes(self, numel: int, dtype: torch.dtype = torch.float32) -> int:
        """The length of a message."""
        return numel * (self.dtype or dtype).itemsize

    @torch.no_grad()
    def encode(self, values: Tensor, valid: int, out: Tensor) -> None:
        """As Codec says; FloatingPointError too for a value beyond the range of the dtype."""
        values[valid:] = 0
        short = out.view(self.dtype or values.dtype)
        work = torch.empty_like(values[: tile_length(values, 1)])
        for part, _ in tiles(values, 1):
            tile = values[part]
            tile.sub_(work[: tile.numel()].copy_(short[part].copy_(tile)))
        refuse_non_finite(values)

    @torch.no_grad()
    def decode(self, message: Tensor, out: Tensor) -> None:
        """As Codec says."""
        out.copy_(message.view(self.dtype or out.dtype))

    @torch.no_grad()
    def add(self, message: Tensor, out: Tensor, weight: float) -> None:
        """As Codec says."""
        out.add_(message.view(self.dtype or out.dtype), alpha=weight)


def _cast(name: str, dtype: torch.dtype | None = None) -> Callable[[], Codec]:
    return lambda: CastCodec(name, dtype)


CODECS: dict[str, Callable[..., Codec]] = {
    "sign": SignCodec,
    "int8": lambda block=None: IntegerCodec(8, block),
    "int4": lambda block=None: IntegerCodec(4, block),
    "bf16": _cast("bf16", torch.bfloat16),
    "fp16": _cast("fp16", torch.float16),
    "identity": _cast("identity"),
}


def make_codec(name: str, block: int | None = None) -> Codec:
    """A codec by its name; ValueError for an unknown one or a block where there are no scales."""
    if name not in CODECS:
        raise ValueError(f"no codec is called {name}; there are {', '.join(CODECS)}")
    try:
        return CODECS[name]() if block is None else CODECS[name](block)
    except TypeError:
        raise ValueError(f"{name} has no blocks; found block {block}") from None
