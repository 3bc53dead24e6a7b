"""What block codecs share: tiles of cache size, scales at the end of a message, finite values."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

TILE = 1 << 18
"""Elements worked on at once on a CPU: their scratch stays in the second-level cache."""


def tile_length(values: Tensor, block: int) -> int:
    """Elements of the longest tile of a buffer: whole blocks."""
    return max(TILE // block, 1) * block if values.device.type == "cpu" else values.numel()


def tiles(values: Tensor, block: int) -> Iterator[tuple[slice, slice]]:
    """Stretches of elements and of their blocks: of cache size on a CPU, else everything."""
    numel, step = values.numel(), max(tile_length(values, block), 1)
    for start in range(0, numel, step):
        stop = min(start + step, numel)
        yield slice(start, stop), slice(start // block, stop // block)


def bearable(tensor: Tensor, reach: float = math.inf) -> bool:
    """Whether the values have a finite norm and none is larger than `reach`."""
    norm = float(torch.linalg.vector_norm(tensor))
    if not math.isfinite(norm):
        return False
    return norm <= reach or float(tensor.abs().max()) <= reach


def refuse_non_finite(tensor: Tensor) -> None:
    """Raises FloatingPointError where a NaN or an infinity is: in a residual it would stay."""
    if not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
        raise FloatingPointError("a value to be compressed is not finite")


def put_scales(scales: Tensor, out: Tensor) -> None:
    """Writes the scales at the end of a message, which need not be aligned to them."""
    raw = scales.view(-1).view(torch.uint8)
    out[out.numel() - raw.numel() :].copy_(raw)


def get_scales(message: Tensor, blocks: int, dtype: torch.dtype) -> Tensor:
    """The scales at the end of a message, one a block."""
    return message[message.numel() - blocks * dtype.itemsize :].clone().view(dtype)


Tiles = Iterator[tuple[Tensor, Tensor, Tensor]]
"""Tiles of an output (blocks, block), their small whole numbers, their scales (blocks, 1)."""


def write_tiles(read: Tiles) -> None:
    """Each tile becomes its numbers times their scales."""
    for tile, numbers, scales in read:
        torch.mul(numbers, scales, out=tile)


def add_tiles(read: Tiles, weight: float) -> None:
    """Each tile grows by `weight` times its numbers times their scales."""
    work: Tensor | None = None
    for tile, numbers, scales in read:
        work = torch.empty_like(tile) if work is None else work
        tile.add_(torch.mul(numbers, scales * weight, out=work[: tile.shape[0]]))
