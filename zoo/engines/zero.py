"""The ordinary engine: one step on DeepSpeed's engine, ZeRO stages 0 to 3, tensor ranks or not."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from zoo.engines import state
from zoo.engines.engine import Batch, Fragment, NonFiniteLoss, Step, Totals, moved
from zoo.engines.exchange.kept import Exchange
from zoo.engines.groups import Groups
from zoo.engines.holdings import Holdings
from zoo.engines.sums import Sums
from zoo.engines.update.schedule import restore_schedule
from zoo.models.build import batch_norms
from zoo.tasks.task import Task

MOST_SKIPPED = 50


class ZeroEngine:
    """Engine over `deepspeed.initialize`'s, for data parallelism at any ZeRO stage.

    The loss of a step is the sum over the global batch divided by the global count of targets;
    before each micro-batch the generators are seeded from (seed, step, its index in the global
    batch). Tensor ranks compute the same losses; the first of them speaks for all.
    """

    def __init__(
        self, deepspeed_engine: Any, task: Task, groups: Groups, seed: int, held: Holdings,
        exchange: Exchange,
    ) -> None:  # fmt: skip
        self.inner, self.task, self.groups, self.seed = deepspeed_engine, task, groups, seed
        self.layout, self.rank, self.held = groups.layout, groups.rank, held
        self.exchange, self.sent = exchange, 0
        self.whole_bytes = exchange.whole_bytes
        self.step, self.skipped_in_a_row = 0, 0
        self.layout_name = (
            f"ZeRO {deepspeed_engine.zero_optimization_stage()} on {self.layout.describe()}"
        )
        self.device: torch.device = deepspeed_engine.device
        self.dtype: torch.dtype = deepspeed_engine.get_data_types()[0]
        self.speaks = self.layout.tensor_rank(self.rank) == 0
        self.statistics_differ = False
        self.clipping: float = deepspeed_engine.gradient_clipping()
        self.plain = not deepspeed_engine.zero_optimization() and self.dtype == torch.float32
        if self.plain:
            # DeepSpeed computes this norm only to clip with it and drops it: `clip` does both.
            deepspeed_engine.clip_fp32_gradients = lambda: None

    def train_batch(self, micro_batches: Sequence[Batch], signal: int = 0) -> Step:
        """See Engine; `micro_batches` are this data rank's, in their order."""
        counting = self.counts(micro_batches, signal)
        self.inner.train()
        sums = torch.zeros((), dtype=torch.float64, device=self.device)
        first = self.layout.data_rank(self.rank) * len(micro_batches)
        for index, batch in enumerate(micro_batches):
            self.seed_generators(first + index)
            there = self.moved(batch)
            loss = self.task.loss(self.inner(**there["inputs"]).logits, there)
            sums += loss.detach().double()
            last = index + 1 == len(micro_batches)
            if last:
                adding = self.loss_of_all(sums)
            targets, corrupt, stop = counting.found
            factor = self.layout.data / max(targets, 1.0)
            self.inner.backward(loss * factor, scale_wrt_gas=False)
            if not last:
                self.inner.step()
        mean = self.checked(adding, float(sums), micro_batches) / max(targets, 1.0)
        lr = float(self.inner.basic_optimizer.param_groups[0]["lr"])
        norm, skipped = self.update()
        step = Step(mean, norm, lr, int(targets), int(corrupt), skipped, stop, self.newly_sent())
        return self.finished(step, micro_batches)

    def newly_sent(self) -> int:
        """Bytes that the exchange sent since the last step."""
        before, self.sent = self.sent, self.exchange.sent
        return self.sent - before

    def counts(self, micro_batches: Sequence[Batch], signal: int) -> Sums:
        """Targets and corrupt examples of the global batch, and the largest stop signal."""
        targets = float(sum(float(batch["count"]) for batch in micro_batches))
        corrupt = float(sum(batch["corrupt"] for batch in micro_batches))
        once = self.layout.stage(self.rank) == 0 and self.layout.tensor_rank(self.rank) == 0
        mine = torch.tensor([targets * once, corrupt * once], dtype=torch.float64)
        return self.sum_and_max(mine, signal)

    def loss_of_all(self, mine: Tensor) -> Sums:
        """The sum of the losses of all ranks."""
        own = mine if self.speaks else torch.zeros_like(mine)
        return self.sum_and_max(torch.stack([own, torch.zeros_like(own)]), 0)

    def checked(self, adding: Sums, mine: float, micro_batches: Sequence[Batch]) -> float:
        """The sum of all losses; raises NonFiniteLoss before anybody updates."""
        found, _, _ = adding.found
        if not np.isfinite(found) and self.dtype != torch.float16:
            self.stop_at(mine, micro_batches)
        return found

    def update(self) -> tuple[float, bool]:
        """Clips and steps; returns the norm and whether fp16 skipped the step."""
        self.exchange.average(self.step + 1)
        norm = self.clip() if self.plain and self.exchange.own_norm is None else None
        before = self.inner.skipped_steps
        self.inner.step()
        return self.after_update(norm, before)

    def after_update(self, norm: float | None, skipped_before: int) -> tuple[float, bool]:
        """The norm of the step just taken, from whoever took it, and whether it was skipped."""
        self.exchange.stepped(self.step + 1)
        skipped = self.inner.skipped_steps > skipped_before or self.exchange.skipped
        if self.exchange.own_norm is not None:
            return self.exchange.own_norm, skipped
        return self.norm_of_wrapped() if norm is None else norm, skipped

    def finished(self, step: Step, micro_batches: Sequence[Batch]) -> Step:
        """Counts a step; fifty skipped ones in a row are a loss that is not finite."""
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if step.skipped else 0
        if self.skipped_in_a_row >= MOST_SKIPPED:
            self.stop_at(float("nan"), micro_batches)
        self.step += 1
        self.statistics_differ = True
        return step

    def clip(self) -> float:
        """ZeRO 0 in fp32: the norm of the averaged gradients, and clipping by it.

        Tied and replicated weights count once, slices on every tensor rank.
        """
        trained = [p for p in self.inner.module.parameters() if p.grad is not None]
        if self.groups.model is None:
            norm = torch.nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None])
        else:
            counted = [one.tensor.grad for one in self.held.parameters if one.counted]
            own = torch.nn.utils.get_total_norm([grad for grad in counted if grad is not None])
            square = own.double().square().to(self.device)
            dist.all_reduce(square, group=self.groups.model)
            norm = square.sqrt().float()
        if self.clipping and not self.exchange.clips:
            torch.nn.utils.clip_grads_with_norm_(trained, self.clipping, norm)
        return float(norm)

    def norm_of_wrapped(self) -> float:
        """The norm that a wrapped optimizer kept of the step just taken."""
        norm = float(self.inner.get_global_grad_norm() or 0.0)
        if not self.inner.zero_optimization() and self.dtype == torch.float16:
            norm /= float(self.inner.optimizer.loss_scale)  # kept unscaled only under ZeRO
        return norm

    def eval_batch(self, batch: Batch, signal: int = 0) -> tuple[Totals, int]:
        """See Engine."""
        self.settle()
        self.inner.eval()
        with torch.no_grad():
            there = self.moved(batch)
            totals = self.task.tally(self.inner(**there["inputs"]).logits, there)
        return self.joined(totals, signal)

    def joined(self, totals: Totals, signal: int) -> tuple[Totals, int]:
        """Tallies summed over the ranks that speak, and the largest stop signal."""
        names = sorted(totals)
        flat = torch.cat([totals[name].to(torch.float64).reshape(-1) for name in names])
        stops = torch.zeros(self.layout.world, dtype=torch.float64, device=flat.device)
        stops[self.rank] = signal
        everything = self.summed(torch.cat([flat * self.speaks, stops]))
        parts = everything[: len(flat)].split([totals[name].numel() for name in names])
        found = {n: part.view(totals[n].shape) for n, part in zip(names, parts, strict=True)}
        return found, int(everything[len(flat) :].max())

    def facts(self) -> dict[str, float]:
        """See Engine."""
        return self.exchange.facts()

    def fragments(self) -> Iterator[Fragment]:
        """See Engine."""
        self.settle()
        yield from self.of_engine()
        yield from self.exchange.fragments(self.layout.data_rank(self.rank))

    def of_engine(self) -> Iterator[Fragment]:
        """The fragments of DeepSpeed's engine, less what the exchange gives in their place."""
        taken = {one.name for one in self.exchange.held}
        data_rank = self.layout.data_rank(self.rank)
        for fragment in state.fragments(self.inner, self.held, data_rank, self.layout.data):
            kind, _, name = fragment.key.partition("/")
            if not (name in taken and self.exchange.replaces(kind)):
                yield fragment

    def counters(self) -> dict[str, Any]:
        """See Engine."""
        return {
            "applied": self.step - self.inner.skipped_steps,
            "skipped": self.inner.skipped_steps,
            "skipped_in_a_row": self.skipped_in_a_row,
            "schedule": self.inner.lr_scheduler.state_dict(),
            "scaler": state.scaler_state(self.inner),
            "optimizer": state.counters(self.inner),
            "exchange": self.exchange.counters(),
        }

    def restore(
        self, step: int, counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """See Engine."""
        with torch.no_grad():
            for fragment in self.of_engine():
                read(fragment)
            state.refresh(self.inner)
            self.exchange.restore(counters["exchange"], read, self.layout.data_rank(self.rank))
        state.set_steps(self.inner, counters["applied"], counters["optimizer"])
        state.set_scaler(self.inner, counters["scaler"])
        restore_schedule(self.inner.lr_scheduler, counters["schedule"], self.inner.basic_optimizer)
        self.inner.global_steps = self.step = step
        self.inner.skipped_steps = counters["skipped"]
        self.skipped_in_a_row = counters["skipped_in_a_row"]

    def close(self) -> None:
        """See Engine."""
        self.inner.destroy()

    def seed_generators(self, micro: int) -> None:
        """Dropout and whatever a model draws: the same for micro-batch `micro` on every layout.

        Later stages of a pipeline draw from seeds of their own.
        """
        stage = self.layout.stage(self.rank)
        words = [self.seed, self.step, micro, *([stage] if stage else [])]
        sequence = np.random.SeedSequence(words)
        number = int(sequence.generate_state(1, np.uint64)[0] >> 1)
        torch.default_generator.manual_seed(number)  # torch.manual_seed walks the stack: 1 ms
        if self.device.type == "cuda":
            torch.cuda.manual_seed(number)
        np.random.seed(int(sequence.generate_state(1)[0]))

    def moved(self, batch: Batch) -> Batch:
        """A batch where the model is, in its precision."""
        return moved(batch, self.device, self.dtype)

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all ranks."""
        if self.layout.world > 1:
            dist.all_reduce(values)
        return values

    def sum_and_max(self, values: Tensor, signal: int) -> Sums:
        """Starts to add up two numbers over all ranks and to find the largest signal of any."""
        return Sums(values, signal, self.rank, self.layout.world, self.device)

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

    def settle(self) -> None:
        """Makes equal on all data ranks what training lets differ: before evaluation and saving."""
        self.exchange.settle()
        self.settle_statistics()

    def settle_statistics(self) -> None:
        """Averages BatchNorm's running statistics over the data ranks, once after training."""
        if not self.statistics_differ or self.layout.data == 1:
            return
        for module in batch_norms(self.inner.module):
            for buffer in (module.running_mean, module.running_var):
                if buffer is not None:
                    dist.all_reduce(buffer, group=self.groups.data)
                    buffer /= self.layout.data
        self.statistics_differ = False
