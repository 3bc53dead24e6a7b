"""The process groups of a layout, as this rank sees them."""

from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch.distributed as dist
from deepspeed.runtime.pipe.topology import PipelineParallelGrid, PipeModelDataParallelTopology

from zoo.layout import Layout


@dataclass(frozen=True)
class Groups:
    """This rank's groups; None where a group is the whole world (data) or this rank alone."""

    layout: Layout
    rank: int
    data: Any = None
    """Ranks that hold the same tensors and share out the micro-batches."""
    tensor: Any = None
    """Ranks that hold the slices of the same matrices."""
    model: Any = None
    """Ranks that hold one whole model together: stages x tensor ranks."""

    @classmethod
    def of(cls, layout: Layout, rank: int) -> "Groups":
        """Makes the groups; all ranks must call it together."""
        if layout.pipe * layout.tensor == 1:
            return cls(layout, rank)
        return cls(
            layout,
            rank,
            own_group(layout, rank, "data"),
            own_group(layout, rank, "tensor") if layout.tensor > 1 else None,
            own_group(layout, rank, "pipe", "tensor"),
        )


def own_group(layout: Layout, rank: int, *axes: str) -> Any:
    """The group of the ranks that differ from this one only along `axes`."""
    made = {tuple(ranks): dist.new_group(ranks) for ranks in layout.peers(*axes)}
    return next(group for ranks, group in made.items() if rank in ranks)


def topology(layout: Layout) -> PipeModelDataParallelTopology:
    """DeepSpeed's name for the layout; its axes stand in the same order (held by a test)."""
    return PipeModelDataParallelTopology(
        num_pp=layout.pipe, num_mp=layout.tensor, num_dp=layout.data
    )


def model_parallel_unit(layout: Layout) -> PipelineParallelGrid | None:
    """What `deepspeed.initialize(mpu=...)` asks for ranks, where tensors are split."""
    if layout.tensor == 1:
        return None
    with redirect_stdout(StringIO()):  # it prints its topology on rank 0
        return PipelineParallelGrid(topology=topology(layout))
