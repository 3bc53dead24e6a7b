"""A floor under frozen denominators: where the variance is next to nothing, one bit is too much.

Every transformer has such elements (biases of attention keys, rows of unseen tokens): divided by a
frozen root of 1e-9, the +-scale that a 1-bit message gives each element moves them by hundreds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 1024
"""Elements of the fused buffer that share a floor; their borders do not depend on the ranks."""


class Floor:
    """`share` times the root mean square, by block, of the part of a buffer that is held here.

    `values` (length,) stand from `start` on in a buffer of `numel` elements; what lies beyond its
    end is padding. `add_up` sums (blocks,) sums over the ranks that hold the other parts.
    """

    def __init__(
        self, values: Tensor, start: int, numel: int, share: float,
        add_up: Callable[[Tensor], Tensor],
    ) -> None:  # fmt: skip
        self.front = start % BLOCK
        self.length = max(min(len(values), numel - start), 0)
        blocks = -(-(self.front + self.length) // BLOCK)
        here = slice(start // BLOCK, start // BLOCK + blocks)
        back = blocks * BLOCK - self.front - self.length
        squares = functional.pad(values[: self.length], (self.front, back)).square_()
        sums = values.new_zeros(-(-numel // BLOCK))
        sums[here] = squares.view(-1, BLOCK).sum(1)
        counts = torch.full_like(sums, BLOCK)
        counts[-1] = numel - (len(counts) - 1) * BLOCK
        self.lows = add_up(sums).div_(counts).sqrt_().mul_(share)[here]

    def lift(self, values: Tensor) -> Tensor:
        """Raises values (length,) to the floor in place and returns them."""
        lows = self.lows.repeat_interleave(BLOCK)[self.front : self.front + self.length]
        torch.maximum(values[: self.length], lows, out=values[: self.length])
        return values


@dataclass(frozen=True)
class Frozen:
    """Denominators that no longer change, of the elements held here.

    `denominator` holds sqrt(v) (corrected, at least the floor) + eps; `still` are the indices, in
    the whole buffer, of elements that never move: their momentum is set to 0. `lifted` and `masked`
    count the elements held here that the floor raised and that never move.
    """

    denominator: Tensor
    floor: Floor
    still: Tensor
    lifted: int
    masked: int
