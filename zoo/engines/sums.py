"""Numbers added up over all ranks while they go on computing."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.compression.mean import world


class Notice(NamedTuple):
    """What a rank tells all others in a message beside its numbers, and what all of them told.

    `signal` is a stop signal, of all ranks the largest; `news` says that there is something that
    others do not know of (a row that cannot be read, say), of all ranks whether any has some. Who
    hears of news shares them, with everybody: no rank acts on what it alone has found.
    """

    signal: int = 0
    news: bool = False

    @property
    def word(self) -> int:
        """Both in one number, which a rank writes into its own place of the message."""
        return self.signal + _NEWS * self.news

    @classmethod
    def by_all(cls, words: Sequence[float]) -> "Notice":
        """What the ranks told, from everybody's number."""
        signals = [int(word) % _NEWS for word in words]
        return cls(max(signals), any(word >= _NEWS for word in words))


QUIET = Notice()
_NEWS = 1 << 8  # signals are smaller


class Sums:
    """Sums over all ranks and what they tell each other, on their way in one message.

    Forward and backward go on meanwhile, so that ranks wait for each other once a step, not thrice.
    All ranks make one together, with as many values, float64 (values,).
    """

    def __init__(
        self, values: Tensor, told: Notice, rank: int, world: int, device: torch.device
    ) -> None:
        self.count = len(values)
        self.message = torch.zeros(self.count + world, dtype=torch.float64, device=device)
        self.message[: self.count] = values
        self.message[self.count + rank] = told.word
        self.work = dist.all_reduce(self.message, async_op=True) if world > 1 else None

    @property
    def values(self) -> Tensor:
        """The sums where they lie, float64 (values,), once `found` has waited for them."""
        return self.message[: self.count]

    @cached_property
    def found(self) -> tuple[list[float], Notice]:
        """The sums and what all ranks told; waits for the message, once."""
        if self.work is not None:
            self.work.wait()
        everything = self.message.tolist()
        return everything[: self.count], Notice.by_all(everything[self.count :])


def all_say(yes: bool, device: torch.device) -> bool:
    """Whether all ranks say yes; all of them call it and wait for each other."""
    if world(None)[1] == 1:
        return yes
    no = torch.tensor(float(not yes), device=device)
    dist.all_reduce(no)
    return not no.item()
