"""The pipeline engine: one step on DeepSpeed's pipeline schedule (1F1B), ZeRO stages 0 and 1."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from zoo.data.rows import Batch
from zoo.engines.contract import Contract
from zoo.engines.engine import Evaluated, Fragment, Record, Step, Totals
from zoo.engines.sums import QUIET, Notice
from zoo.engines.update.rehearsal import unchanged
from zoo.engines.upstream import set_loss, update_only_if
from zoo.engines.wrapped import Wrapped
from zoo.models.stage import Stage
from zoo.tasks.task import Outputs


class PipelineEngine:
    """Engine over DeepSpeed's PipelineEngine: the same state, another way to take a step.

    Every stage gets the data rank's micro-batches: the first with their inputs, the last with their
    labels, all with their counts.
    """

    def __init__(self, contract: Contract, wrapped: Wrapped) -> None:
        self.contract, self.wrapped = contract, wrapped
        self.layout_name, self.whole_bytes = wrapped.name, contract.exchange.whole_bytes
        self.stage: Stage = next(m for m in wrapped.inner.module.modules() if isinstance(m, Stage))
        self.stage.sends_positions = contract.task.sends_positions
        self.last_rank = contract.layout.world - 1
        self.factor, self.passes, self.total = 1.0, 0, 0.0
        self.sums = torch.zeros((), dtype=torch.float64, device=contract.device)
        self.micro_batches: Sequence[Batch] = ()
        self.totals: Totals = {}
        self.records: list[Record] = []
        update_only_if(wrapped.inner, self.before_update)
        set_loss(wrapped.inner, self.loss)
        self.stage.register_forward_pre_hook(self.before_forward)

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self.contract.step

    def train_batch(self, micro_batches: Sequence[Batch], told: Notice = QUIET) -> Step:
        """See Engine."""
        contract = self.contract
        counting = contract.begin(micro_batches, told)
        if not contract.has_targets(counting, micro_batches):
            self.wrapped.skip()
            return contract.without_targets(self.wrapped.lr, counting, micro_batches)
        data = contract.layout.data
        self.factor = len(micro_batches) * data / max(counting.found[0][0], 1.0)
        self.sums.zero_()
        self.begin(micro_batches)
        lr = self.wrapped.lr
        self.wrapped.inner.train_batch(self.items())
        contract.stepped()
        norm, skipped = self.wrapped.after_update()
        return contract.finished(self.total, norm, lr, skipped, counting, micro_batches)

    def before_update(self) -> bool:
        """Runs where DeepSpeed would update: whether it may, once the loss is checked."""
        adding = self.contract.loss_of_all(self.sums)
        self.total = self.contract.checked(adding, float(self.sums), self.micro_batches)
        return self.wrapped.before_update(self.contract.average())

    def rehearse(self, batch: Batch) -> None:
        """See Engine; as many at once as the first stage holds."""
        inner = self.wrapped.inner
        several = min(inner.gradient_accumulation_steps(), self.contract.layout.pipe)
        self.factor = 1 / max(float(batch["count"]), 1.0)
        self.begin([batch] * several)
        # At step 0 it prints a row of its own, however seldom it is told to.
        with unchanged(inner, self.stage, several), redirect_stdout(StringIO()):
            inner.train_batch(self.items())

    def eval_batch(self, batch: Batch, told: Notice = QUIET) -> Evaluated:
        """See Engine."""
        self.contract.settle()
        self.begin([batch])
        self.wrapped.inner.eval_batch(self.items(), bcast_loss=False, num_micro_batches=1)
        totals, by_all = self.contract.joined(self.shaped(self.totals), told)
        return Evaluated(totals, by_all, self.records)

    def begin(self, micro_batches: Sequence[Batch]) -> None:
        """Takes up the micro-batches of one schedule."""
        self.micro_batches, self.passes = micro_batches, 0

    def items(self) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        """What the schedule pulls on the first stage (inputs) and on the last (nothing: `loss`
        looks the labels up)."""
        for batch in self.micro_batches:
            inputs = self.contract.moved(batch)["inputs"] if self.stage.first else {}
            self.stage.names = tuple(inputs)
            yield tuple(inputs.values()), torch.zeros(())

    def before_forward(self, stage: nn.Module, received: Any) -> None:
        """Seeds the generators; forwards run in the order of the micro-batches on every stage."""
        if self.stage.training:
            self.contract.seed_generators(self.passes, self.micro_batches)
        self.passes += 1

    def loss(self, outputs: Outputs, _: Tensor) -> Tensor:
        """On the last stage: what is sent back, scaled so that DeepSpeed's means give sum / count;
        in evaluation tallies and records are kept instead."""
        task = self.contract.task
        batch = self.contract.targets_moved(self.micro_batches[self.passes - 1])
        if not self.stage.training:
            self.totals = task.tally(outputs, batch)
            self.records = self.contract.records(outputs, batch)
            return torch.zeros((), device=self.contract.device)
        loss = task.loss(outputs, batch)
        self.sums += loss.detach().double()
        return loss * self.factor

    def shaped(self, totals: Totals) -> Totals:
        """The tallies' names and sizes on every stage: zeros where they are not known."""
        device = self.contract.device
        if not hasattr(self, "form"):
            form = [{name: tuple(t.shape) for name, t in totals.items()}]
            dist.broadcast_object_list(form, src=self.last_rank, device=device)
            self.form = form[0]
        zeros = {name: torch.zeros(shape, device=device) for name, shape in self.form.items()}
        return zeros | totals

    def swap_average(self) -> None:
        """See Engine."""
        self.wrapped.swap_average()

    def facts(self) -> dict[str, float]:
        """See Engine."""
        return self.contract.exchange.facts()

    def fragments(self) -> Iterator[Fragment]:
        """See Engine."""
        self.contract.settle()
        yield from self.wrapped.fragments()

    def counters(self) -> dict[str, Any]:
        """See Engine."""
        return self.wrapped.counters(self.step) | self.contract.counters()

    def restore(
        self, step: int, counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """See Engine."""
        self.wrapped.restore(step, counters, read)
        self.contract.restore(step, counters)

    def take_moments(
        self, kinds: Collection[str], counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """See Engine."""
        self.wrapped.take_moments(kinds, counters, read)

    def close(self) -> None:
        """See Engine."""
        self.wrapped.close()
