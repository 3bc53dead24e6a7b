"""A process group of many ranks in one process: every other rank says what this one says.

Encoding, decoding and averaging then run as they would among so many ranks, and nothing travels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.training.world import lone_store

NAME = "loopback"


class Done(dist.Work):
    """Work that is over."""

    def wait(self, timeout: Any = None) -> bool:
        """Nothing to wait for."""
        return True


class Loopback(dist.ProcessGroup):
    """What this rank sends arrives in every slot, bit for bit; a sum of n ranks is n times its own.

    One pass over the values stands for the adding up that a real all-reduce does.
    """

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)  # type: ignore[call-arg]  # the stub lacks this one

    def getBackendName(self) -> str:  # noqa: N802
        """See torch."""
        return NAME

    def allreduce(self, tensors: Any, options: Any = None) -> Done:  # type: ignore[override]
        """See torch; sums only."""
        for tensor in tensors:
            tensor.mul_(self.size())
        return Done()

    def alltoall_base(
        self, theirs: Tensor, mine: Tensor, sizes: Any, own_sizes: Any, options: Any = None
    ) -> Done:
        """See torch."""
        theirs.copy_(mine)
        return Done()

    def allgather(self, slots: Any, mine: Any, options: Any = None) -> Done:
        """See torch."""
        for places, tensor in zip(slots, mine, strict=True):
            for place in places:
                place.copy_(tensor)
        return Done()

    def reduce_scatter_single(self, mine: Tensor, whole: Tensor, options: Any = None) -> Done:
        """See torch."""
        torch.mul(whole.view(-1)[: mine.numel()].view_as(mine), self.size(), out=mine)
        return Done()

    # what older releases of torch (2.9) ask for
    _reduce_scatter_base = reduce_scatter_single  # type: ignore[assignment]


@contextmanager
def loopback(ranks: int) -> Iterator[None]:
    """Makes this process rank 0 of `ranks` that echo it, and destroys the group at the end.

    No other process group may exist meanwhile. The backend's name stays registered.
    """
    if NAME not in dist.Backend.backend_list:
        dist.Backend.register_backend(
            NAME, lambda store, rank, size, timeout: Loopback(rank, size), devices=["cpu", "cuda"]
        )
    dist.init_process_group(NAME, store=lone_store(), rank=0, world_size=ranks)
    try:
        yield
    finally:
        dist.destroy_process_group()
