"""What follows from a recipe: batching, the schedule's numbers, the JSON that DeepSpeed gets."""

import sys
from dataclasses import dataclass
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.layout import Layout
from zoo.recipe.exchange import averages_itself, clips_itself, steps_of
from zoo.recipe.load import origin
from zoo.recipe.optimizers import NEEDS_TOTAL, SCHEDULERS, STEPS, hyper_parameters
from zoo.recipe.spec import Recipe

# DeepSpeed's own progress line would be printed by every rank; the run prints its own.
NEVER = sys.maxsize


@dataclass(frozen=True)
class Batching:
    """How a global batch is cut: `micro_batches` in all, `accumulation` of them per data rank."""

    batch: int
    micro_batch: int
    micro_batches: int
    accumulation: int
    eval_micro_batch: int


def layout_of(recipe: Recipe, processes: int | None = None) -> Layout:
    """How a recipe lies on so many processes; without a number, on the fewest that it takes.

    Raises ConfigError where its stages and tensor ranks do not divide them.
    """
    stages, tensor = recipe.parallel.pipeline.stages, recipe.parallel.tensor
    return Layout.fit(stages * tensor if processes is None else processes, stages, tensor)


def batching(recipe: Recipe, layout: Layout) -> Batching:
    """Cut the global batch into whole micro-batches for the data ranks.

    Raises ConfigError with all numbers if the data ranks cannot share them evenly.
    """
    run = recipe.run
    micro_batches = run.batch // run.micro_batch
    if micro_batches % layout.data:
        step = run.micro_batch * layout.data
        found = (
            f"{run.batch} examples = {micro_batches} micro-batches of {run.micro_batch}"
            f" on {layout.data} data ranks"
        )
        allowed = f"a multiple of run.micro_batch x data ranks = {step}"
        near = max(step, round(run.batch / step) * step)
        raise ConfigError(
            [Fault(origin(recipe, "run.batch"), "run.batch", found, allowed, str(near))]
        )
    accumulation = micro_batches // layout.data
    return Batching(run.batch, run.micro_batch, micro_batches, accumulation, run.eval_micro_batch)


def deepspeed_config(recipe: Recipe, layout: Layout) -> dict[str, Any]:
    """The JSON handed to deepspeed.initialize, beside an optimizer that is an instance."""
    cut = batching(recipe, layout)
    precision = recipe.run.precision
    clipping = 0.0 if clips_itself(recipe) else recipe.optimizer.gradient_clipping
    zero = {"stage": 0} if averages_itself(recipe) else dict(recipe.parallel.zero)
    # Cutting activations over tensor ranks is cached by shape, and shapes vary here.
    whole = {"pipe_partitioned": False, "grad_partitioned": False}
    return {
        "train_batch_size": cut.micro_batch * cut.accumulation * layout.data,
        "train_micro_batch_size_per_gpu": cut.micro_batch,
        "gradient_accumulation_steps": cut.accumulation,
        "gradient_clipping": clipping,
        "zero_optimization": zero,
        "bf16": {"enabled": precision == "bf16"},
        "fp16": {"enabled": precision == "fp16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": NEVER,
        "wall_clock_breakdown": False,
        **({"pipeline": whole} if layout.pipe > 1 else {}),
    }


def resolve_scheduler(recipe: Recipe, total_steps: int) -> dict[str, Any] | None:
    """The schedule with integer steps, `total_num_steps` and defaults; None if constant."""
    scheduler = recipe.optimizer.scheduler
    if scheduler is None:
        return None
    parameters = SCHEDULERS[scheduler.type]
    values = {name: one.default for name, one in parameters.items() if one.default is not None}
    params = {**values, **scheduler.params}
    for name, one in parameters.items():
        if one.node is STEPS and name in params:
            params[name] = steps_of(params[name], total_steps)
    if "milestones" in params:
        params["milestones"] = [steps_of(count, total_steps) for count in params["milestones"]]
    if scheduler.type in NEEDS_TOTAL:
        params["total_num_steps"] = total_steps
    return {"type": scheduler.type, "params": params}


@dataclass(frozen=True)
class Group:
    """Parameters that share hyper-parameters, said without a model at hand.

    `vectors` is their weight decay below two dimensions, where it differs from params'.
    """

    which: str
    params: dict[str, Any]
    vectors: float | None = None


def parameter_groups(recipe: Recipe) -> list[Group]:
    """Rows for a table of optimizer groups: decayed, not decayed, and each pattern."""
    optimizer = recipe.optimizer
    if optimizer.weight_decay_on == "matrices":
        groups = [
            Group("two or more dimensions", hyper_parameters(optimizer, {})),
            Group("fewer than two dimensions", hyper_parameters(optimizer, {"weight_decay": 0.0})),
        ]
    else:
        groups = [Group("all parameters", hyper_parameters(optimizer, {}))]
    for pattern, changes in optimizer.groups.items():
        splits = optimizer.weight_decay_on == "matrices" and "weight_decay" not in changes
        values = hyper_parameters(optimizer, changes)
        groups.append(Group(pattern, values, 0.0 if splits else None))
    return groups
