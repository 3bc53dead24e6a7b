"""DeepSpeed's module around a stage, and what it knows of parameters that several stages hold."""

from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch.distributed as dist
from deepspeed.pipe import LayerSpec, PipelineModule
from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.engines.groups import Groups, time_out
from zoo.engines.update.gradients import gradient_of
from zoo.engines.upstream import topology
from zoo.layout import Layout
from zoo.models.stage import Stage


class Ready(LayerSpec):
    """Hands DeepSpeed a stage that is already built; only its own rank asks for it.

    runtime/pipe/module.py.
    """

    def __init__(self, stage: nn.Module | None = None) -> None:
        super().__init__(Stage)
        self.stage = stage

    def build(self, log: bool = False) -> nn.Module | None:
        """The stage."""
        return self.stage


class Pipeline(PipelineModule):
    """DeepSpeed's module around one built stage a rank; parameters tied over stages by name.

    runtime/pipe/module.py.
    """

    def __init__(self, stage: Stage, layout: Layout, rank: int) -> None:
        mine = layout.stage(rank)
        specs = [Ready(stage if number == mine else None) for number in range(layout.pipe)]
        with redirect_stdout(StringIO()):  # it prints its partition on rank 0
            super().__init__(
                layers=specs,
                topology=topology(layout),
                partition_method="uniform",
                dynamic_shape=True,  # without it other shapes are silently wrong in evaluation
            )
        self.tied: list[tuple[Tensor, Any]] = []

    def tie(self, model: PreTrainedModel, groups: Groups, tied: Mapping[str, list[int]]) -> None:
        """Makes the groups that add up the gradients of tied parameters; all ranks must call it."""
        layout, rank = groups.layout, groups.rank
        for name, stages in tied.items():
            for column in layout.peers("pipe"):
                ranks = [other for other in column if layout.stage(other) in stages]
                group = dist.new_group(ranks, timeout=time_out())
                if rank in ranks:
                    parameter = model.get_parameter(name)
                    parameter.ds_pipe_replicated = rank != ranks[0]
                    self.tied.append((parameter, group))

    def get_tied_weights_and_groups(self) -> list[tuple["Tied", Any]]:
        """What the engine reduces after the last backward (upstream's name)."""
        return [(Tied(p), group) for p, group in self.tied if p.requires_grad]


@dataclass(frozen=True)
class Tied:
    """A parameter on several stages as a pipeline sees it: by the `grad` that is added up there.

    `_exec_reduce_tied_grads`, runtime/pipe/engine.py, knows nothing of wider sums.
    """

    parameter: Any

    @property
    def grad(self) -> Tensor | None:
        """The gradient of the step so far."""
        return gradient_of(self.parameter)
