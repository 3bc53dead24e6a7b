"""One bit an element and one scale a block: the codec of 1-bit Adam."""

import math
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from zoo.compression.codecs.message import (
    Tiles,
    add_tiles,
    get_scales,
    put_scales,
    refuse_non_finite,
    tile_length,
    tiles,
    write_tiles,
)

PACK = 0x0102040810204080
"""Times this, the eight 0/1 bytes of a little-endian int64 become the bits of its highest byte."""


@cache
def sign_table(device: torch.device) -> Tensor:
    """For each byte, its eight signs (bit k for element k) as int8 in one int64."""
    bits = torch.arange(256, device=device)[:, None] >> torch.arange(8, device=device) & 1
    return (2 * bits - 1).to(torch.int8).view(torch.int64).flatten()  # (256,)


class SignCodec:
    """C(a) = scale * sgn(a) by block, with sgn(0) = sgn(-0) = +1.

    The scale is the block's root mean square, which keeps the norm of the message (1-bit Adam,
    arXiv 2102.02888, section 4; DeepSpeed's runtime/comm/nccl.py had it), or with `scale="l1"` the
    mean of its absolute values, the projection (signSGD with error feedback, arXiv 1901.09847).
    Message: numel / 8 bytes of bits, then the scales in the dtype of the values.
    """

    name = "sign"
    reach = math.inf

    def __init__(self, block: int = 1024, scale: Literal["rms", "l1"] = "rms") -> None:
        if block % 8:
            raise ValueError(f"a block of signs is whole bytes: {block} is not a multiple of 8")
        self.block = block
        self.scale = scale

    def bytes(self, numel: int, dtype: torch.dtype = torch.float32) -> int:
        """The length of a message."""
        return numel // 8 + numel // self.block * dtype.itemsize

    @torch.no_grad()
    def encode(self, values: Tensor, valid: int, out: Tensor) -> None:
        """Writes the message of `values` (numel,) into `out` (uint8); `values` become the residual.

        Only the first `valid` values are real: the padding is kept out of the scales and left 0.
        FloatingPointError for a value that is not finite; `values` and `out` are then spoilt.
        """
        values[valid:] = 0
        scales = values.new_empty(values.numel() // self.block)
        signs = values.new_empty(
            min(values.numel(), tile_length(values, self.block)), dtype=torch.bool
        )
        work = torch.empty_like(values[: signs.numel()])
        words = values.new_empty(signs.numel() // 8, dtype=torch.int64)
        for part, blocks in tiles(values, self.block):
            tile, scale = values[part], scales[blocks]
            length = tile.numel()
            self._measure(tile, work[:length], max(valid - part.start, 0), scale)
            flags = torch.ge(tile, 0, out=signs[:length])
            packed = torch.mul(flags.view(torch.int64), PACK, out=words[: length // 8])
            out[part.start // 8 : part.stop // 8].copy_(packed.bitwise_right_shift_(56))
            one = flags.view(torch.int8).mul_(2).sub_(1).view(-1, self.block)
            sent = torch.mul(one, scale[:, None], out=work[:length].view(-1, self.block))
            tile.sub_(sent.view(-1))
        refuse_non_finite(scales)
        put_scales(scales, out)
        values[valid:] = 0

    @torch.no_grad()
    def decode(self, message: Tensor, out: Tensor) -> None:
        """Fills `out` (numel,) from a message that was encoded in its dtype."""
        write_tiles(self._read(message, out))

    @torch.no_grad()
    def add(self, message: Tensor, out: Tensor, weight: float) -> None:
        """As Codec says."""
        add_tiles(self._read(message, out), weight)

    def _read(self, message: Tensor, out: Tensor) -> Tiles:
        """Tiles of `out` (blocks, block), their signs as int8, and their scales (blocks, 1)."""
        table = sign_table(out.device)
        scales = get_scales(message, out.numel() // self.block, out.dtype)[:, None]
        words = min(out.numel(), tile_length(out, self.block)) // 8
        index = out.new_empty(words, dtype=torch.int32)
        signs = out.new_empty(words, dtype=torch.int64)
        for part, blocks in tiles(out, self.block):
            start, stop = part.start // 8, part.stop // 8
            chosen = index[: stop - start].copy_(message[start:stop])
            eight = torch.index_select(table, 0, chosen, out=signs[: stop - start])
            one = eight.view(torch.int8).view(-1, self.block)
            yield out[part].view(-1, self.block), one, scales[blocks]

    def _measure(self, tile: Tensor, work: Tensor, valid: int, scale: Tensor) -> None:
        """The scale of each block of a tile whose padding is 0."""
        if self.scale == "rms":
            torch.linalg.vector_norm(tile.view(-1, self.block), dim=1, out=scale)
        else:
            torch.sum(torch.abs(tile, out=work).view(-1, self.block), 1, out=scale)
        power = 0.5 if self.scale == "rms" else 1.0
        scale.mul_(self.block**-power)
        last, rest = divmod(valid, self.block)
        if rest and last < scale.numel():
            scale[last] *= math.pow(self.block / rest, power)
