"""The numerics contract of a step, without DeepSpeed: what makes every layout compute the same.

The loss of a step is the sum over the global batch divided by the global count of targets; before
each micro-batch the generators are seeded from (seed, step, its index in the global batch); all
ranks count, check and stop together.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from zoo.data.rows import Batch
from zoo.engines.engine import NonFiniteLoss, Record, Step, Totals, entries, moved, targets_moved
from zoo.engines.exchange.kept import Exchange
from zoo.engines.groups import Groups
from zoo.engines.sums import QUIET, Notice, Sums
from zoo.models.build import batch_norms
from zoo.models.draws import Draws
from zoo.tasks.task import Outputs, Task

MOST_SKIPPED = 50


class Contract:
    """What is ours in a step, whoever takes it.

    Ranks that hold one model together see the same micro-batches; one of them, on the last stage
    the first of the tensor ranks, speaks for all. `module` is what this rank trains.
    """

    def __init__(
        self, task: Task, groups: Groups, draws: Draws, exchange: Exchange, module: nn.Module,
        device: torch.device, dtype: torch.dtype,
    ) -> None:  # fmt: skip
        self.task, self.groups, self.draws, self.exchange = task, groups, draws, exchange
        self.module, self.device, self.dtype = module, device, dtype
        self.layout, self.rank = groups.layout, groups.rank
        self.step, self.skipped_in_a_row, self.sent = 0, 0, 0
        self.statistics_differ = False
        self.statistics_before: list[Tensor] = []
        head = self.layout.tensor_rank(self.rank) == 0
        self.counts_targets = head and self.layout.stage(self.rank) == 0
        self.speaks = head and self.layout.stage(self.rank) == self.layout.pipe - 1

    def moved(self, batch: Batch) -> Batch:
        """A batch where the model is, as it reads it, in its precision."""
        return moved(batch, self.device, self.dtype, self.task)

    def targets_moved(self, batch: Batch) -> Batch:
        """A batch whose labels are where the model is: all that its last stage reads."""
        return targets_moved(batch, self.device)

    def seed_generators(self, index: int, micro_batches: Sequence[Batch]) -> None:
        """Dropout and whatever a model draws in this rank's micro-batch `index`: the same on every
        layout, layer by layer.
        """
        micro = self.layout.data_rank(self.rank) * len(micro_batches) + index
        self.draws.begin(self.step, micro)

    def begin(self, micro_batches: Sequence[Batch], told: Notice) -> Sums:
        """Begins a step: its `counts`, and what is put back if it is skipped."""
        if self.dtype == torch.float16:  # whose forward may overflow
            self.statistics_before = [one.clone() for one in self.statistics()]
        return self.counts(micro_batches, told)

    def counts(self, micro_batches: Sequence[Batch], told: Notice) -> Sums:
        """Of the global batch: targets, corrupt examples, all examples, places of the inputs that
        hold something and all of them, and examples that lost targets, by the task's counters; and
        what ranks tell each other.
        """
        mine = torch.zeros(5 + len(self.task.lost), dtype=torch.float64)
        if self.counts_targets:
            mine[0] = float(sum(float(batch["count"]) for batch in micro_batches))
            for batch in micro_batches:
                of_batch = (batch["corrupt"], batch["examples"], *batch.get("places", (0, 0)))
                mine[1:5] += torch.tensor(of_batch, dtype=torch.float64)
            for place, name in enumerate(self.task.lost, 5):
                mine[place] = float(sum(float(batch["lost"][name]) for batch in micro_batches))
        return self.sums(mine, told)

    def has_targets(self, counting: Sums, micro_batches: Sequence[Batch]) -> bool:
        """Whether the global batch has a target: all ranks find the same, and only those that have
        none themselves wait for the sum.
        """
        return any(float(batch["count"]) for batch in micro_batches) or counting.found[0][0] > 0

    def without_targets(self, lr: float, counting: Sums, micro_batches: Sequence[Batch]) -> Step:
        """Counts a step that is not taken, as there is nothing to learn: its loss is no number."""
        self.stepped()
        return self.finished(float("nan"), 0.0, lr, True, counting, micro_batches)

    def loss_of_all(self, mine: Tensor) -> Sums:
        """The sum of the losses of all ranks."""
        own = mine if self.speaks else torch.zeros_like(mine)
        return self.sums(own.reshape(1), QUIET)

    def sums(self, values: Tensor, told: Notice) -> Sums:
        """Starts to add up numbers over all ranks and to hear what they tell."""
        return Sums(values, told, self.rank, self.layout.world, self.device)

    def checked(self, adding: Sums, mine: float, micro_batches: Sequence[Batch]) -> float:
        """The sum of all losses; raises NonFiniteLoss before anybody updates."""
        (found,), _ = adding.found
        if not np.isfinite(found) and self.dtype != torch.float16:
            self.stop_at(mine, micro_batches)
        return found

    def average(self) -> bool:
        """What data ranks exchange before the update; False on all of them where they cannot."""
        return self.exchange.average(self.step + 1)

    def stepped(self) -> None:
        """What they exchange after it."""
        self.exchange.stepped(self.step + 1)

    def finished(
        self, loss: float, norm: float, lr: float, skipped: bool, counting: Sums,
        micro_batches: Sequence[Batch],
    ) -> Step:  # fmt: skip
        """Counts a step; fifty skipped ones in a row (but for those without a target, which break
        no row) are a loss that is not finite.
        """
        (targets, corrupt, examples, filled, places, *lost), told = counting.found
        mean, sent = loss / max(targets, 1.0), self.exchange.sent - self.sent
        self.sent += sent
        if targets:
            self.skipped_in_a_row = self.skipped_in_a_row + 1 if skipped else 0
        if self.skipped_in_a_row >= MOST_SKIPPED:
            self.stop_at(float("nan"), micro_batches)
        if skipped and self.statistics_before:
            for now, before in zip(self.statistics(), self.statistics_before, strict=True):
                now.copy_(before)
        self.step += 1
        self.statistics_differ = True
        by_reason = dict(zip(self.task.lost, map(int, lost), strict=True))
        return Step(
            mean, norm, lr, int(targets), int(corrupt), skipped, told, sent, by_reason,
            int(examples), (int(filled), int(places)),
        )  # fmt: skip

    def stop_at(self, loss: float, micro_batches: Sequence[Batch]) -> None:
        """Raises NonFiniteLoss with what every rank knows; all ranks come here together."""
        ids = [index for batch in micro_batches for index in batch["ids"]]
        mine = (self.rank, loss, ids)
        everyone: list[Any] = [None] * self.layout.world
        if self.layout.world > 1:
            dist.all_gather_object(everyone, mine)
        else:
            everyone = [mine]
        raise NonFiniteLoss(self.step, [c for c in everyone if not np.isfinite(c[1])])

    def joined(self, totals: Totals, told: Notice) -> tuple[Totals, Notice]:
        """Tallies summed over the ranks that speak, and what all ranks told."""
        names = sorted(totals)
        flat = torch.cat([totals[name].to(torch.float64).reshape(-1) for name in names])
        adding = self.sums(flat if self.speaks else torch.zeros_like(flat), told)
        _, told_by_all = adding.found
        parts = adding.values.split([totals[name].numel() for name in names])
        found = {n: part.view(totals[n].shape) for n, part in zip(names, parts, strict=True)}
        return found, told_by_all

    def records(self, outputs: Outputs, batch: Batch) -> list[Record]:
        """What the task tells of each example that counts; nothing on ranks that do not speak."""
        return entries(self.task.records(outputs, batch), batch) if self.speaks else []

    def settle(self) -> None:
        """Makes equal on all data ranks what training lets differ: before evaluation and saving.

        Those are the exchange's parameters and BatchNorm's running statistics.
        """
        self.exchange.settle()
        if not self.statistics_differ or self.layout.data == 1:
            return
        for buffer in self.statistics():
            dist.all_reduce(buffer, group=self.groups.along("data"))
            buffer /= self.layout.data
        self.statistics_differ = False

    def statistics(self) -> list[Tensor]:
        """BatchNorm's running means and variances."""
        both = [(one.running_mean, one.running_var) for one in batch_norms(self.module)]
        return [one for pair in both for one in pair if one is not None]

    def counters(self) -> dict[str, Any]:
        """What of this is to be saved, JSON-ready."""
        return {"skipped_in_a_row": self.skipped_in_a_row}

    def restore(self, step: int, counters: dict[str, Any]) -> None:
        """Goes on after `step`."""
        self.step, self.skipped_in_a_row = step, counters["skipped_in_a_row"]
