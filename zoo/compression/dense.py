"""Means over ranks without memory of what is lost: 32 bits an element, or 16."""

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.compression.mean import Group, all_gather, dense_mean, world

WIRES: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16}


class DenseMean:
    """The mean of a flat vector over a group, in the vector's own dtype or rounded to bf16.

    With bf16 what travels is rounded and the sum is not: a chunk of each rank's vector goes to its
    owner, and the chunk's mean back to all. Lengths are multiples of the number of ranks. `sent`
    counts the bytes. All ranks call the same method together; ValueError for another wire.
    """

    def __init__(self, group: Group | None, wire: str = "fp32") -> None:
        if wire not in WIRES:
            raise ValueError(f"gradients travel as {' or '.join(WIRES)}, not as {wire}")
        self.group = group
        self.ranks = world(group)[1]
        self.short = WIRES[wire]
        self.sent = 0

    def __call__(self, values: Tensor) -> Tensor:
        """`values` (length,) become their mean, the same bits on each rank; returns them."""
        if self.ranks == 1:
            return values
        if self.short is not None:
            return values.copy_(self.gather(self.to_owner(values).to(self.short)))
        self.sent += dense_mean(values, self.group)
        return values

    def to_owner(self, values: Tensor) -> Tensor:
        """The mean of the chunk of `values` that this rank owns (length / ranks,)."""
        if self.ranks == 1:
            return values
        if self.short is None:
            total = values.new_empty(len(values) // self.ranks)
            dist.reduce_scatter_tensor(total, values, group=self.group)
            self.sent += (self.ranks - 1) * total.nbytes
            return total.div_(self.ranks)
        mine = values.to(self.short)
        theirs = torch.empty_like(mine)
        raw = theirs.view(torch.uint8), mine.view(torch.uint8)  # gloo need not know the dtype
        dist.all_to_all_single(*raw, group=self.group)
        self.sent += mine.nbytes // self.ranks * (self.ranks - 1)
        return theirs.view(self.ranks, -1).to(values.dtype).mean(0)

    def gather(self, chunk: Tensor) -> Tensor:
        """Every rank's chunk, bit for bit (ranks * len(chunk),)."""
        if self.ranks == 1:
            return chunk
        self.sent += (self.ranks - 1) * chunk.nbytes
        whole, work = all_gather(chunk.view(torch.uint8), self.group)
        work.wait()
        return whole.view(-1).view(chunk.dtype)
