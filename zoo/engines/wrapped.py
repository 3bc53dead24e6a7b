"""What is DeepSpeed's in a step: its engine with the wrapped optimizer, and the state of both."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.compression.optimizers.moments import MomentOptimizer
from zoo.engines import state, upstream
from zoo.engines.engine import Fragment
from zoo.engines.exchange.kept import Exchange
from zoo.engines.groups import Groups
from zoo.engines.holdings import Holdings
from zoo.engines.update.average import Average
from zoo.engines.update.gradients import scale_losses, unscale_by
from zoo.engines.update.schedule import restore_schedule


class Wrapped:
    """`deepspeed.initialize`'s engine, ordinary or pipeline, at any ZeRO stage.

    `held` is what this rank has of the model; the exchange says what DeepSpeed leaves to it;
    `average` makes the moving average of the weights.
    """

    def __init__(
        self, inner: Any, groups: Groups, held: Holdings, exchange: Exchange,
        average: Callable[[Iterator[Fragment]], Average],
    ) -> None:  # fmt: skip
        self.inner, self.groups, self.held, self.exchange = inner, groups, held, exchange
        self.layout, self.data_rank = groups.layout, groups.layout.data_rank(groups.rank)
        self.name = f"ZeRO {inner.zero_optimization_stage()} on {self.layout.describe()}"
        self.device: torch.device = inner.device
        self.dtype = upstream.dtype_of(inner)
        self.clipping: float = inner.gradient_clipping()
        self.plain = not inner.zero_optimization() and self.dtype == torch.float32
        if self.plain:
            upstream.leave_clipping(inner)
        self.scales = not inner.zero_optimization() and self.dtype == torch.float16
        self.scale = 1.0  # of the step's loss, where the norm comes with it
        if self.scales:
            scale_losses(inner)
            unscale_by(inner, lambda: self.scale)
        weights = state.masters(inner, held, self.data_rank, self.layout.data)
        self.average = average(weights)
        self.norm: float | None = None
        self.skipped_before = 0
        self.updates_before = 0  # of another run, whose moments were taken

    @property
    def lr(self) -> float:
        """The first group's rate, which the next update uses."""
        return float(upstream.given_optimizer(self.inner).param_groups[0]["lr"])

    def before_update(self, averaged: bool) -> bool:
        """Whether the update is to be taken; clips before it where DeepSpeed leaves both to us.

        All ranks call it after the exchange and find the same: what is not finite on one of them
        has reached the sums of all. `averaged` is what the exchange says of itself.
        """
        self.skipped_before = upstream.skipped_steps(self.inner)
        self.scale = upstream.loss_scale(self.inner) if self.scales else 1.0
        if not averaged:
            self.norm = math.inf
            return False
        if not self.plain or self.exchange.own_norm is not None:
            self.norm = None  # who wraps the optimizer, or it itself, tests and skips
            return True
        self.norm = self.exchange.norm_of_all(self.clip())
        return math.isfinite(self.norm)

    def after_update(self) -> tuple[float, bool]:
        """The norm of the step just taken, from whoever took it, and whether it was skipped."""
        state.forget_gradients(self.inner)
        skipped = upstream.skipped_steps(self.inner) > self.skipped_before or self.exchange.skipped
        if not skipped:
            self.average.update()
        if self.exchange.own_norm is not None:
            return self.exchange.own_norm, skipped
        return self.norm_of_wrapped() if self.norm is None else self.norm, skipped

    def skip(self) -> None:
        """Counts a step that no rank takes: neither weights nor schedule move."""
        upstream.count_skipped(self.inner)

    def swap_average(self) -> None:
        """Puts the moving average in the weights' place, or these back; all ranks call it, those
        that update nothing too.
        """
        self.average.swap()
        with torch.no_grad():
            state.refresh(self.inner)

    def clip(self) -> float:
        """ZeRO 0 in fp32: the norm of the averaged gradients, and clipping by it.

        Tied and replicated weights count once, slices on every tensor rank; a copy that does not
        count is not finite on its own in a fault of the machine only, and then nothing is.
        """
        trained = [p for p in self.inner.module.parameters() if p.grad is not None]
        together = self.groups.along("pipe", "tensor")
        norm = total_norm(trained)
        if together is not None:
            counted = total_norm([one.tensor for one in self.held.parameters if one.counted])
            square = torch.where(norm.isfinite(), counted, norm).double().square().to(self.device)
            dist.all_reduce(square, group=together)
            norm = square.sqrt().float()
        if self.clipping and not self.exchange.clips:
            torch.nn.utils.clip_grads_with_norm_(trained, self.clipping, norm)
        return float(norm)

    def norm_of_wrapped(self) -> float:
        """The norm that a wrapped optimizer kept of the step just taken, without its loss scale
        (which ZeRO leaves out itself).
        """
        return float(self.inner.get_global_grad_norm() or 0.0) / self.scale

    def fragments(self) -> Iterator[Fragment]:
        """Views on all that this rank owns, the exchange's state too."""
        yield from self.of_engine()
        yield from self.exchange.fragments(self.data_rank)
        yield from self.average.fragments()

    def of_engine(self) -> Iterator[Fragment]:
        """The fragments of DeepSpeed's engine, less what the exchange gives in their place."""
        taken = {one.name for one in self.exchange.held}
        for fragment in state.fragments(self.inner, self.held, self.data_rank, self.layout.data):
            kind, _, name = fragment.key.partition("/")
            if not (name in taken and self.exchange.replaces(kind)):
                yield fragment

    def counters(self, steps: int) -> dict[str, Any]:
        """The state that is not tensors, after `steps` steps, JSON-ready."""
        skipped = upstream.skipped_steps(self.inner)
        return {
            "applied": self.updates_before + steps - skipped,
            "skipped": skipped,
            "schedule": self.inner.lr_scheduler.state_dict(),
            "scaler": state.scaler_state(self.inner),
            "optimizer": state.counters(self.inner),
            "exchange": self.exchange.counters(),
            "average": self.average.updates,
        }

    def restore(
        self, step: int, counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """Fills every fragment by `read` and goes on after `step`; all ranks call it."""
        with torch.no_grad():
            for fragment in self.of_engine():
                read(fragment)
            state.refresh(self.inner)
            self.exchange.restore(counters["exchange"], read, self.data_rank)
            for fragment in self.average.fragments():
                read(fragment)
        self.average.updates = counters.get("average", 0)
        self.updates_before = counters["applied"] - (step - counters["skipped"])
        state.set_steps(self.inner, counters["applied"], counters["optimizer"])
        state.set_scaler(self.inner, counters["scaler"])
        optimizer = upstream.given_optimizer(self.inner)
        restore_schedule(self.inner.lr_scheduler, counters["schedule"], optimizer)
        upstream.set_counts(self.inner, step, counters["skipped"])

    def take_moments(
        self, kinds: Collection[str], counters: dict[str, Any], read: Callable[[Fragment], None]
    ) -> None:
        """Fills the moments of these kinds by `read` from another run, whose `counters` say how
        often they were updated; all ranks call it before the first step.
        """
        with torch.no_grad():
            for fragment in (*self.of_engine(), *self.exchange.fragments(self.data_rank)):
                if fragment.key.partition("/")[0] in kinds:
                    read(fragment)
        self.updates_before, optimizer = counters["applied"], state.torch_optimizer(self.inner)
        if isinstance(optimizer, MomentOptimizer):
            optimizer.warm(self.updates_before, counters["optimizer"])
        else:
            state.set_steps(self.inner, self.updates_before, {})

    def close(self) -> None:
        """Gives back what DeepSpeed holds."""
        self.inner.destroy()


def total_norm(parameters: Iterable[Tensor]) -> Tensor:
    """The norm (scalar) of the gradients that there are, float32."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
