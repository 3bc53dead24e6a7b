"""Numbers added up over all ranks while they go on computing."""

from functools import cached_property

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.compression.mean import world


class Sums:
    """Sums over all ranks and their largest signal, on their way in one message.

    Forward and backward go on meanwhile, so that ranks wait for each other once a step, not thrice.
    All ranks make one together, with as many values, float64 (values,).
    """

    def __init__(
        self, values: Tensor, signal: int, rank: int, world: int, device: torch.device
    ) -> None:
        self.count = len(values)
        self.message = torch.zeros(self.count + world, dtype=torch.float64, device=device)
        self.message[: self.count] = values
        self.message[self.count + rank] = signal
        self.work = dist.all_reduce(self.message, async_op=True) if world > 1 else None

    @cached_property
    def found(self) -> tuple[list[float], int]:
        """The sums and the largest signal; waits for the message, once."""
        if self.work is not None:
            self.work.wait()
        everything = self.message.tolist()
        return everything[: self.count], int(max(everything[self.count :]))


def all_say(yes: bool, device: torch.device) -> bool:
    """Whether all ranks say yes; all of them call it and wait for each other."""
    if world(None)[1] == 1:
        return yes
    no = torch.tensor(float(not yes), device=device)
    dist.all_reduce(no)
    return not no.item()
