"""Two numbers added up over all ranks while they go on computing."""

from functools import cached_property

import torch
import torch.distributed as dist
from torch import Tensor


class Sums:
    """Two sums over all ranks and their largest signal, on their way in one message.

    Forward and backward go on meanwhile, so that ranks wait for each other once a step, not thrice.
    All ranks make one together; `values` has two elements.
    """

    def __init__(
        self, values: Tensor, signal: int, rank: int, world: int, device: torch.device
    ) -> None:
        self.message = torch.zeros(2 + world, dtype=torch.float64, device=device)
        self.message[:2] = values
        self.message[2 + rank] = signal
        self.work = dist.all_reduce(self.message, async_op=True) if world > 1 else None

    @cached_property
    def found(self) -> tuple[float, float, int]:
        """The sums and the largest signal; waits for the message, once."""
        if self.work is not None:
            self.work.wait()
        first, second, *signals = self.message.tolist()
        return first, second, int(max(signals))
