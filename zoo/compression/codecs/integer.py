"""Small whole numbers with one scale a block: eight or four bits an element."""

import math
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

BLOCKS = {8: 1024, 4: 256}


class IntegerCodec:
    """C(a) = scale * round(a / scale) by block, with scale = max|a| / 127 (8 bits) or / 7 (4 bits).

    Symmetric: -128 and -8 are never used. Rounded to the nearest, so four bits want error feedback.
    Message: the codes, then the scales in the dtype of the values. With four bits the first half
    of each block is in the low nibbles and the second half in the high ones.
    """

    reach = math.inf

    def __init__(self, bits: Literal[8, 4], block: int | None = None) -> None:
        self.name = f"int{bits}"
        self.bits = bits
        self.largest = 2 ** (bits - 1) - 1
        self.block = block or BLOCKS[bits]
        if self.block % 8:
            raise ValueError(f"a block is a multiple of 8 elements, not {self.block}")

    def bytes(self, numel: int, dtype: torch.dtype = torch.float32) -> int:
        """The length of a message."""
        return numel * self.bits // 8 + numel // self.block * dtype.itemsize

    @torch.no_grad()
    def encode(self, values: Tensor, valid: int, out: Tensor) -> None:
        """Writes the message of `values` (numel,) into `out` (uint8); `values` become the residual.

        Only the first `valid` values are real: the padding is kept out of the scales and left 0.
        FloatingPointError for a value that is not finite; `values` and `out` are then spoilt.
        """
        values[valid:] = 0
        scales = values.new_empty(values.numel() // self.block, 1)
        length = min(values.numel(), tile_length(values, self.block))
        work = values.new_empty(length).view(-1, self.block)
        codes = values.new_empty(length, dtype=torch.int8).view(-1, self.block)
        for part, blocks in tiles(values, self.block):
            tile, scale = values[part].view(-1, self.block), scales[blocks]
            scale.copy_(self._measure(tile))
            count = tile.shape[0]
            steps = torch.div(tile, scale, out=work[:count]).round_()
            code = codes[:count].copy_(steps)
            self._pack(code, out[part.start * self.bits // 8 : part.stop * self.bits // 8])
            tile.sub_(torch.mul(steps, scale, out=steps))
        refuse_non_finite(scales)
        put_scales(scales, out)

    @torch.no_grad()
    def decode(self, message: Tensor, out: Tensor) -> None:
        """Fills `out` (numel,) from a message that was encoded in its dtype."""
        write_tiles(self._read(message, out))

    @torch.no_grad()
    def add(self, message: Tensor, out: Tensor, weight: float) -> None:
        """As Codec says."""
        add_tiles(self._read(message, out), weight)

    def _read(self, message: Tensor, out: Tensor) -> Tiles:
        """Tiles of `out` (blocks, block), their codes as int8, and their scales (blocks, 1)."""
        scales = get_scales(message, out.numel() // self.block, out.dtype)[:, None]
        length = min(out.numel(), tile_length(out, self.block))
        codes = out.new_empty(length, dtype=torch.int8).view(-1, self.block)
        for part, blocks in tiles(out, self.block):
            tile = out[part].view(-1, self.block)
            raw = message[part.start * self.bits // 8 : part.stop * self.bits // 8]
            yield tile, self._unpack(raw, codes[: tile.shape[0]]), scales[blocks]

    def _measure(self, tile: Tensor) -> Tensor:
        """The scale of each block (blocks, 1); 1 where all is too small to be divided."""
        scale = torch.maximum(tile.amax(1, keepdim=True), -tile.amin(1, keepdim=True))
        scale.div_(self.largest)
        return scale.masked_fill_(scale < torch.finfo(scale.dtype).tiny, 1)

    def _pack(self, code: Tensor, out: Tensor) -> None:
        """Writes the codes of a tile (blocks, block); four-bit codes are spoilt."""
        out = out.view(torch.int8).view(code.shape[0], -1)
        if self.bits == 8:
            out.copy_(code)
            return
        low, high = code.chunk(2, 1)
        torch.bitwise_or(low.bitwise_and_(15), high.bitwise_left_shift_(4), out=out)

    def _unpack(self, raw: Tensor, codes: Tensor) -> Tensor:
        """The codes of a tile (blocks, block) from its bytes."""
        raw = raw.view(torch.int8).view(codes.shape[0], -1)
        if self.bits == 8:
            return raw
        low, high = codes.chunk(2, 1)
        torch.bitwise_left_shift(raw, 4, out=low).bitwise_right_shift_(4)
        torch.bitwise_right_shift(raw, 4, out=high)
        return codes
