"""The process groups of a layout, as this rank sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch.distributed as dist

from zoo.layout import Layout

SHARED = (("data",), ("tensor",), ("pipe", "tensor"))
"""The axes that groups are made along: ranks that hold the same tensors and share out the
micro-batches, ranks that hold the slices of the same matrices, ranks that hold one model together.
"""


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
    made = {tuple(ranks): dist.new_group(ranks) for ranks in layout.peers(*axes)}
    return next(group for ranks, group in made.items() if rank in ranks)
