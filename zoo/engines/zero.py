"""The ordinary engine: one step on DeepSpeed's engine, ZeRO stages 0 to 3, tensor ranks or not."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch

from zoo.data.rows import Batch
from zoo.engines.contract import Contract
from zoo.engines.engine import Evaluated, Fragment, Step
from zoo.engines.sums import QUIET, Notice
from zoo.engines.update.rehearsal import unchanged
from zoo.engines.upstream import update_only_if
from zoo.engines.wrapped import Wrapped


class ZeroEngine:
    """Engine for data parallelism at any ZeRO stage; tensor ranks compute the same losses."""

    def __init__(self, contract: Contract, wrapped: Wrapped) -> None:
        self.contract, self.wrapped = contract, wrapped
        self.layout_name, self.whole_bytes = wrapped.name, contract.exchange.whole_bytes
        update_only_if(wrapped.inner, self.before_update)

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self.contract.step

    def train_batch(self, micro_batches: Sequence[Batch], told: Notice = QUIET) -> Step:
        """See Engine; `micro_batches` are this data rank's, in their order."""
        contract, inner = self.contract, self.wrapped.inner
        counting = contract.begin(micro_batches, told)
        if not contract.has_targets(counting, micro_batches):
            self.wrapped.skip()
            return contract.without_targets(self.wrapped.lr, counting, micro_batches)
        inner.train()
        sums = torch.zeros((), dtype=torch.float64, device=contract.device)
        for index, batch in enumerate(micro_batches):
            contract.seed_generators(index, micro_batches)
            there = contract.moved(batch)
            loss = contract.task.loss(inner(**there["inputs"]), there)
            sums += loss.detach().double()
            last = index + 1 == len(micro_batches)
            if last:
                adding = contract.loss_of_all(sums)
            factor = contract.layout.data / max(counting.found[0][0], 1.0)
            inner.backward(loss * factor, scale_wrt_gas=False)
            if not last:
                inner.step()
        total = contract.checked(adding, float(sums), micro_batches)
        lr = self.wrapped.lr
        norm, skipped = self.update()
        return contract.finished(total, norm, lr, skipped, counting, micro_batches)

    def update(self) -> tuple[float, bool]:
        """Takes the step once all gradients are there; its norm and whether it was skipped."""
        self.wrapped.inner.step()
        self.contract.stepped()
        return self.wrapped.after_update()

    def before_update(self) -> bool:
        """Runs where DeepSpeed would update: whether it may."""
        return self.wrapped.before_update(self.contract.average())

    def rehearse(self, batch: Batch) -> None:
        """See Engine."""
        contract, inner = self.contract, self.wrapped.inner
        inner.train()
        with unchanged(inner, inner.module, 1):
            contract.seed_generators(0, [batch])
            there = contract.moved(batch)
            loss = contract.task.loss(inner(**there["inputs"]), there)
            inner.backward(loss / max(float(batch["count"]), 1.0), scale_wrt_gas=False)
            inner.step()

    def eval_batch(self, batch: Batch, told: Notice = QUIET) -> Evaluated:
        """See Engine."""
        contract, inner = self.contract, self.wrapped.inner
        contract.settle()
        inner.eval()
        with torch.no_grad():
            there = contract.moved(batch)
            outputs = contract.task.predict(inner, there)
            totals = contract.task.tally(outputs, there)
            records = contract.records(outputs, there)
        return Evaluated(*contract.joined(totals, told), records)

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
