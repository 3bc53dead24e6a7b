"""The process groups of a layout, as this rank sees them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from zoo.compression.mean import world
from zoo.data.loading.handing import Channel, Hands
from zoo.errors import Told
from zoo.layout import Layout

SHARED = (("data",), ("tensor",), ("pipe", "tensor"))
"""The axes that groups are made along: ranks that hold the same tensors and share out the
micro-batches, ranks that hold the slices of the same matrices, ranks that hold one model together.
"""


def time_out() -> timedelta:
    """How long a rank waits for the others, in every group: DEEPSPEED_TIMEOUT's minutes, or 30.

    A group that is made without it takes its backend's own, 10 minutes for NCCL.
    """
    return timedelta(minutes=float(os.environ.get("DEEPSPEED_TIMEOUT", "30")))


@dataclass(frozen=True)
class Groups:
    """This rank's groups by the axes along which their ranks differ."""

    layout: Layout
    rank: int
    made: Mapping[tuple[str, ...], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, layout: Layout, rank: int) -> "Groups":
        """Makes the groups; all ranks must call it together.

        Where the data ranks are the whole world there is nothing to make. Else they get a group
        even of one, because no group would mean the world.
        """
        if layout.data == layout.world:
            return cls(layout, rank)
        needed = [axes for axes in SHARED if axes == ("data",) or layout.degree(*axes) > 1]
        return cls(layout, rank, {axes: own_group(layout, rank, *axes) for axes in needed})

    def along(self, *axes: str) -> Any:
        """The group along some of SHARED; None where it is the whole world (data) or this rank
        alone.
        """
        assert axes in SHARED, f"no group is made along {axes}"
        return self.made.get(axes)


def own_group(layout: Layout, rank: int, *axes: str) -> Any:
    """The group of the ranks that differ from this one only along `axes`."""
    made = {
        tuple(ranks): dist.new_group(ranks, timeout=time_out()) for ranks in layout.peers(*axes)
    }
    return next(group for ranks, group in made.items() if rank in ranks)


def hands_of(layout: Layout, rank: int) -> Hands | None:
    """Who hands micro-batches to whom in this rank's data rank; None where it stands alone.

    The first tensor rank of the first stage reads; inputs go to the tensor ranks of its stage,
    labels to those of the last, what else there is to all. All ranks must call it together, once
    for each thing that hands while another does. The groups are on the CPU: whoever hands in a
    thread of its own cannot cross what GPUs send each other.
    """
    if layout.degree("pipe", "tensor") == 1:
        return None
    found: list[Hands] = []
    for ranks in layout.peers("pipe", "tensor"):
        source = next(filter(layout.reads, ranks))
        ends = [[one for one in ranks if layout.stage(one) == n] for n in (0, layout.pipe - 1)]
        carried: list[tuple[list[int], Callable[[str], bool]]] = [(ranks, lambda key: True)]
        if layout.pipe > 1:
            carried.insert(0, (ends[0], lambda key: key == "inputs"))
            carried.insert(1, ([source, *ends[1]], lambda key: key == "labels"))
        groups = [dist.new_group(r, timeout=time_out(), backend="gloo") for r, _ in carried]
        if rank in ranks:
            channels = [
                Channel(group if rank in some and len(some) > 1 else None, carries)
                for group, (some, carries) in zip(groups, carried, strict=True)
            ]
            found.append(Hands(rank, source, groups[-1], channels))
    return found[0]


T = TypeVar("T")


def by_first(make: Callable[[], T], first: bool, device: torch.device) -> T:
    """What `make` gives on rank 0 (`first`), which alone calls it, on every rank; all call this.

    Where it raises, all ranks do: nobody waits for what will not come.
    """
    found: list[Any] = [None, None]
    failure: Exception | None = None
    if first:
        try:
            found[0] = make()
        except Exception as error:
            failure, found[1] = error, RuntimeError(f"rank 0 failed: {error!r}")
            if isinstance(error, Told):
                error.everywhere, found[1] = True, error
    if world(None)[1] > 1:
        dist.broadcast_object_list(found, src=0, device=device)
    if found[1] is not None:
        raise failure or found[1]
    made: T = found[0]
    return made
