"""The pipeline engine: one step on DeepSpeed's pipeline schedule (1F1B), ZeRO stages 0 and 1."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
import torch.distributed as dist
from deepspeed.pipe import LayerSpec, PipelineModule
from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.engines.engine import Batch, Step, Totals
from zoo.engines.exchange.kept import Exchange
from zoo.engines.groups import Groups, topology
from zoo.engines.holdings import Holdings
from zoo.engines.zero import ZeroEngine
from zoo.layout import Layout
from zoo.models.stage import Stage
from zoo.tasks.task import Task


class Ready(LayerSpec):
    """Hands DeepSpeed a stage that is already built; only its own rank asks for it."""

    def __init__(self, stage: nn.Module | None = None) -> None:
        super().__init__(Stage)
        self.stage = stage

    def build(self, log: bool = False) -> nn.Module | None:
        """The stage."""
        return self.stage


class Pipeline(PipelineModule):
    """DeepSpeed's module around one built stage a rank; parameters tied over stages by name."""

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
                group = dist.new_group(ranks)
                if rank in ranks:
                    parameter = model.get_parameter(name)
                    parameter.ds_pipe_replicated = rank != ranks[0]
                    self.tied.append((parameter, group))

    def get_tied_weights_and_groups(self) -> list[tuple[Tensor, Any]]:
        """What the engine reduces after the last backward (upstream's name)."""
        return [(p, group) for p, group in self.tied if p.requires_grad]


class PipelineEngine(ZeroEngine):
    """Engine over DeepSpeed's PipelineEngine: the same state, another way to take a step.

    Every stage gets the data rank's micro-batches; the first uses their inputs, the last their
    labels, all their counts.
    """

    def __init__(
        self, deepspeed_engine: Any, task: Task, groups: Groups, seed: int, held: Holdings,
        exchange: Exchange,
    ) -> None:  # fmt: skip
        super().__init__(deepspeed_engine, task, groups, seed, held, exchange)
        layout, rank = self.layout, self.rank
        self.stage: Stage = next(m for m in self.inner.module.modules() if isinstance(m, Stage))
        self.speaks = self.speaks and layout.stage(rank) == layout.pipe - 1
        self.last_rank = layout.world - 1
        self.factor, self.passes, self.norm = 1.0, 0, 0.0
        self.sums = torch.zeros((), dtype=torch.float64, device=self.device)
        self.micro_batches: Sequence[Batch] = ()
        self.totals: Totals = {}
        self.loss_sum = 0.0
        self.take = self.inner._take_model_step
        self.inner._take_model_step = self.take_model_step
        self.inner.module.loss_fn = self.loss
        self.stage.register_forward_pre_hook(self.before_forward)

    def train_batch(self, micro_batches: Sequence[Batch], signal: int = 0) -> Step:
        """See Engine."""
        targets, corrupt, stop = self.counts(micro_batches, signal).found
        self.factor = len(micro_batches) * self.layout.data / max(targets, 1.0)
        self.sums.zero_()
        self.begin(micro_batches)
        lr = float(self.inner.basic_optimizer.param_groups[0]["lr"])
        before = self.inner.skipped_steps
        self.inner.train_batch(self.items())
        loss = self.loss_sum / max(targets, 1.0)
        norm, skipped = self.after_update(self.norm if self.plain else None, before)
        step = Step(loss, norm, lr, int(targets), int(corrupt), skipped, stop, self.newly_sent())
        return self.finished(step, micro_batches)

    def eval_batch(self, batch: Batch, signal: int = 0) -> tuple[Totals, int]:
        """See Engine."""
        self.settle()
        self.begin([batch])
        self.inner.eval_batch(self.items(), bcast_loss=False, num_micro_batches=1)
        return self.joined(self.shaped(self.totals), signal)

    def begin(self, micro_batches: Sequence[Batch]) -> None:
        """Takes up the micro-batches of one schedule."""
        self.micro_batches, self.passes = micro_batches, 0
        self.stage.names = tuple(micro_batches[0]["inputs"])

    def items(self) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """What the schedule pulls on the first stage (inputs) and on the last (nothing: `loss`
        looks the labels up)."""
        for batch in self.micro_batches:
            yield tuple(self.moved(batch)["inputs"].values()), torch.zeros(())

    def before_forward(self, stage: nn.Module, received: Any) -> None:
        """Seeds the generators; forwards run in the order of the micro-batches on every stage."""
        if self.stage.training:
            first = self.layout.data_rank(self.rank) * len(self.micro_batches)
            self.seed_generators(first + self.passes)
        self.passes += 1

    def loss(self, logits: Tensor, _: Tensor) -> Tensor:
        """On the last stage: what is sent back, scaled so that DeepSpeed's means give sum / count;
        in evaluation the tallies are kept instead."""
        batch = self.moved(self.micro_batches[self.passes - 1])
        if not self.stage.training:
            self.totals = self.task.tally(logits, batch)
            return logits.new_zeros(())
        loss = self.task.loss(logits, batch)
        self.sums += loss.detach().double()
        return loss * self.factor

    def take_model_step(self, lr_kwargs: Any = None) -> None:
        """Runs where DeepSpeed would update: the loss is checked and the norm taken before."""
        adding = self.loss_of_all(self.sums)
        self.loss_sum = self.checked(adding, float(self.sums), self.micro_batches)
        self.exchange.average(self.step + 1)
        if self.plain:
            self.norm = self.clip()
        self.take(lr_kwargs)

    def shaped(self, totals: Totals) -> Totals:
        """The tallies' names and sizes on every stage: zeros where they are not known."""
        if not hasattr(self, "form"):
            form = [{name: tuple(t.shape) for name, t in totals.items()}]
            dist.broadcast_object_list(form, src=self.last_rank, device=self.device)
            self.form = form[0]
        zeros = {name: torch.zeros(shape, device=self.device) for name, shape in self.form.items()}
        return zeros | totals
