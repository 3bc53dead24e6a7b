"""Builds the learning-rate schedule: DeepSpeed's five classes, and five of the same form that it
lacks.
"""

import math
from collections.abc import Callable
from typing import Any

import deepspeed.runtime.lr_schedules as upstream
from torch.optim import Optimizer

from zoo.recipe.vocabulary.named import named
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

Factor = Callable[[int, dict[str, Any]], float]


def multi_step(step: int, params: dict[str, Any]) -> float:
    """`gamma` at each of the `milestones`."""
    return float(params.get("gamma", 0.1) ** sum(step >= m for m in params["milestones"]))


def every_step(step: int, params: dict[str, Any]) -> float:
    """`gamma` after each `step_size` steps beyond the warm-up."""
    return float(
        params.get("gamma", 0.1) ** ((step - params["warmup_num_steps"]) // params["step_size"])
    )


def inverse_sqrt(step: int, params: dict[str, Any]) -> float:
    """Noam: falls with the square root of the step from the end of the warm-up (Vaswani et al.
    2017, eq. 3).
    """
    warm = max(1, params["warmup_num_steps"])
    return math.sqrt(warm / (step + 1))


def polynomial(step: int, params: dict[str, Any]) -> float:
    """Falls to `end_ratio` at the last step with `power`."""
    warm, total = params["warmup_num_steps"], params["total_num_steps"]
    left = max(0.0, 1 - (step - warm) / max(1, total - warm)) ** params.get("power", 1.0)
    end = params.get("end_ratio", 0.0)
    return float(end + (1 - end) * left)


def stable_decay(step: int, params: dict[str, Any]) -> float:
    """Constant, then over the last `decay_num_steps` linear to 0, or exponential to `min_ratio`
    (fairseq's tri_stage).
    """
    left = params["total_num_steps"] - step
    share = min(1.0, max(0.0, left / max(1, params["decay_num_steps"])))
    if params.get("decay_type", "linear") == "linear":
        return share
    return float(params["min_ratio"] ** (1 - share))


def shape_of(kind: str) -> Factor:
    """The function of a schedule of ours."""
    found: Factor = named(SCHEDULERS[kind].factor)
    return found


def factor(kind: str, params: dict[str, Any], step: int) -> float:
    """What each group's rate is multiplied with in the update number `step` (from 0).

    Warm-up over `warmup_num_steps` from `warmup_min_ratio`, `linear` or `log` (DeepSpeed's),
    then the shape, floored at `min_ratio`.
    """
    warm = params.get("warmup_num_steps", 0)
    if step < warm:
        least = float(params.get("warmup_min_ratio", 0.0))
        linear = params.get("warmup_type", "linear") == "linear"
        share = (step + 1) / warm if linear else math.log(step + 1) / math.log(max(2, warm))
        return least + (1 - least) * share
    shape = shape_of(kind)(step, {"warmup_num_steps": 0} | params)
    return max(float(params.get("min_ratio", 0.0)), shape)


class FactorSchedule:
    """One factor on each group's own rate; the interface of DeepSpeed's schedules."""

    def __init__(self, optimizer: Optimizer, kind: str, params: dict[str, Any]) -> None:
        self.optimizer, self.kind, self.params = optimizer, kind, params
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.last_batch_iteration = -1
        self.step()

    def step(self) -> None:
        """Sets the rates of the next update; called once after each."""
        self.last_batch_iteration += 1
        share = factor(self.kind, self.params, self.last_batch_iteration)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * share

    def get_last_lr(self) -> list[float]:
        """The rates of the next update."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, int]:
        """The schedule's only state."""
        return {"last_batch_iteration": self.last_batch_iteration}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes to a position and sets the rates of the next update."""
        self.last_batch_iteration = state["last_batch_iteration"] - 1
        self.step()


def build_schedule(optimizer: Optimizer, scheduler: dict[str, Any] | None) -> Any:
    """The schedule of `{"type", "params"}` with integer counts (`resolve_scheduler`), or a
    constant one.

    DeepSpeed's warm-ups end at `warmup_max_lr`; where the recipe says none it is each group's own
    rate, as a list over the groups (its default 0.001 would overwrite them all).
    """
    if scheduler is None:
        return FactorSchedule(optimizer, "WarmupMultiStepLR", {"milestones": []})
    kind, params = scheduler["type"], dict(scheduler["params"])
    entry = SCHEDULERS[kind]
    if entry.factor:
        return FactorSchedule(optimizer, kind, params)
    if entry.peak:
        params.setdefault(entry.peak, [group["lr"] for group in optimizer.param_groups])
    if params.get("warmup_num_steps") == 0:
        return without_warmup(kind, optimizer, params)
    return getattr(upstream, kind)(optimizer, **params)


def without_warmup(kind: str, optimizer: Optimizer, params: dict[str, Any]) -> Any:
    """A schedule of DeepSpeed's that starts at its peak.

    Its classes refuse a warm-up of 0, make one step two, and begin at the rate that a warm-up
    starts from.
    """
    schedule = getattr(upstream, kind)(optimizer, **params | {"warmup_num_steps": 1})
    schedule.warmup_num_steps = 0
    schedule.step()
    return schedule


def restore_schedule(schedule: Any, state: dict[str, Any], optimizer: Optimizer) -> None:
    """Takes up a schedule's state and sets the rates of the next update at once."""
    schedule.load_state_dict(state)
    if isinstance(schedule, FactorSchedule):
        return
    if state["last_batch_iteration"] >= 0:
        for group, lr in zip(optimizer.param_groups, schedule.get_lr(), strict=True):
            group["lr"] = lr
