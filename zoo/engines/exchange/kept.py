"""What data ranks exchange instead of DeepSpeed's reduction, and the state that goes with it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.engines.engine import Fragment
from zoo.engines.holdings import Holding

Read = Callable[[Fragment], None]


class Exchange:
    """DeepSpeed reduces the gradients itself: nothing to do, nothing to keep."""

    averages = False
    """Whether gradients are averaged here, so that DeepSpeed must not."""
    skipped = False
    """Whether the step just taken changed nothing, because a gradient was not finite."""
    own_norm: float | None = None
    """The norm where it is not the engine that takes it, and clips by it."""
    clips = False
    """Whether gradients are clipped here."""

    held: Sequence[Holding] = ()
    """The parameters whose exchange this is."""
    whole_bytes = 0
    """What fp32 all-reduce would send a rank and step, where something else is sent."""

    @property
    def sent(self) -> int:
        """Bytes that this rank has sent in place of whole gradients."""
        return 0

    def facts(self) -> dict[str, float]:
        """Numbers that a row of metrics tells."""
        return {}

    def average(self, step: int) -> bool:
        """Runs before the update of `step` (from 1): p.grad becomes what the optimizer takes.

        False on all ranks, and nothing is touched, where one of them has a gradient that cannot be
        sent: the step is not to be taken.
        """
        return True

    def norm_of_all(self, norm: float) -> float:
        """The norm of a step from this rank's own: the root mean square where ranks step alone."""
        return norm

    def stepped(self, step: int) -> None:
        """Runs after the update of `step`."""

    def settle(self) -> None:
        """Makes parameters equal on all data ranks: before evaluation and saving."""

    def replaces(self, key: str) -> bool:
        """Whether a kind of fragment (`param`, `exp_avg`, ...) is given here, not by the engine."""
        return False

    def fragments(self, rank: int) -> Iterator[Fragment]:
        """The state of data rank `rank`, under parameters' names."""
        return iter(())

    def counters(self) -> dict[str, Any]:
        """The state that is not tensors, JSON-ready."""
        return {}

    def restore(self, counters: dict[str, Any], read: Read, rank: int) -> None:
        """Takes up what `fragments` and `counters` gave, as data rank `rank` of any number."""


class Kept(Exchange):
    """An exchange with state in one fused buffer, whose places have parameters' names.

    `source` has per_rank(), sharded() and shared(); its buffer holds the parameters in the order of
    `held`. What differs by rank is one tensor a rank; on another number of ranks each
    takes a mean of some (`heirs`), so that the mean over ranks, which is what is owed, stays.
    """

    averages = True

    def __init__(self, source: Any, held: Sequence[Holding], ranks: int) -> None:
        self.source, self.held, self.ranks = source, held, ranks
        elements = sum(one.tensor.numel() for one in held)
        self.whole_bytes = 2 * (ranks - 1) * 4 * elements // ranks

    @property
    def sent(self) -> int:
        """See Exchange."""
        found: int = self.source.sent
        return found

    def places(self) -> Iterator[tuple[Holding, int, int]]:
        """Each parameter, its start in the fused buffer and how many elements it has."""
        start = 0
        for one in self.held:
            yield one, start, one.tensor.numel()
            start += one.tensor.numel()

    def fragments(self, rank: int) -> Iterator[Fragment]:
        """See Exchange."""
        yield from self.of_rank(rank)
        for kind, (view, begin) in self.source.sharded().items():
            yield from self.stretch(RENAMED.get(kind, kind), view, begin)
        yield from self.shared(rank == 0)

    def of_rank(self, rank: int) -> Iterator[Fragment]:
        """What differs by rank, as data rank `rank` has it."""
        for kind, flat in self.source.per_rank().items():
            yield from self.stretch(f"{kind}.{rank}", flat, 0)

    def stretch(
        self, kind: str, view: Tensor, begin: int, primary: bool = True
    ) -> Iterator[Fragment]:
        """A stretch of the fused buffer from `begin`, parameter by parameter."""
        for one, start, numel in self.places():
            first, last = max(start, begin), min(start + numel, begin + len(view))
            if first < last:
                part = view[first - begin : last - begin]
                key, place = f"{kind}/{one.name}", first - start
                yield Fragment(key, one.shape, place, part, primary, one.part)

    def shared(self, primary: bool) -> Iterator[Fragment]:
        """What is equal on all ranks: stretches, factors of one parameter, numbers."""
        total = sum(one.tensor.numel() for one in self.held)
        for kind, tensor in self.source.shared().items():
            name, _, index = kind.partition("/")
            if tensor.shape == (total,):
                yield from self.stretch(kind, tensor, 0, primary)
            else:
                key = f"{name}/{self.held[int(index)].name if index else 'all'}"
                yield Fragment(key, tuple(tensor.shape), 0, tensor.view(-1), primary)

    def counters(self) -> dict[str, Any]:
        """See Exchange."""
        return {"ranks": self.ranks}

    def restore(self, counters: dict[str, Any], read: Read, rank: int) -> None:
        """See Exchange."""
        own = list(self.of_rank(rank))
        keys = {fragment.key for fragment in own}
        same = counters["ranks"] == self.ranks
        for fragment in self.fragments(rank):
            if same or fragment.key not in keys:
                read(fragment)
        for mine in () if same else own:
            kind, _, name = mine.key.partition("/")
            total, theirs = torch.zeros_like(mine.tensor), torch.empty_like(mine.tensor)
            for old, share in heirs(rank, self.ranks, counters["ranks"]):
                key = f"{kind.rpartition('.')[0]}.{old}/{name}"
                read(Fragment(key, mine.shape, mine.start, theirs, False, mine.part))
                total.add_(theirs, alpha=share)
            mine.tensor.copy_(total)


def heirs(rank: int, ranks: int, before: int) -> list[tuple[int, float]]:
    """Whose errors a rank of `ranks` takes over from `before` ranks, and how much of each.

    Both stand side by side on one line of length 1; a rank takes what lies under its own stretch,
    so its shares add up to 1, and those of one old rank, over all new ones, to ranks / before.
    """
    found = []
    for old in range(before):
        first, last = max(rank * before, old * ranks), min((rank + 1) * before, (old + 1) * ranks)
        if first < last:
            found.append((old, (last - first) / before))
    return found


RENAMED = {"master": "param"}
"""Kinds of the exchanges whose fragments have the engine's own names."""
