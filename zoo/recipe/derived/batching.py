"""How a global batch is cut, and how a recipe lies on so many processes."""

from dataclasses import dataclass

from zoo.errors import ConfigError, Fault
from zoo.layout import Layout
from zoo.recipe.recipe import Recipe, origin


@dataclass(frozen=True)
class Batching:
    """How a global batch is cut: `micro_batches` in all, `accumulation` of them per data rank.

    `batch`, `micro_batch` and `eval_micro_batch` are amounts of `unit`.
    """

    batch: int
    micro_batch: int
    micro_batches: int
    accumulation: int
    eval_micro_batch: int
    unit: str = "examples"

    @property
    def per_rank(self) -> int:
        """The examples of a micro-batch as DeepSpeed is told them: 1 where they vary."""
        return self.micro_batch if self.unit == "examples" else 1


def layout_of(recipe: Recipe, processes: int | None = None) -> Layout:
    """How a recipe lies on so many processes; without a number, on the fewest that it takes.

    Raises ConfigError where its stages and tensor ranks do not divide them.
    """
    stages, tensor = recipe.parallel.pipeline.stages, recipe.parallel.tensor
    return Layout.fit(
        stages * tensor if processes is None else processes, pipe=stages, tensor=tensor
    )


def batching(recipe: Recipe, layout: Layout) -> Batching:
    """Cut the global batch into whole micro-batches for the data ranks.

    Raises ConfigError with all numbers if the data ranks cannot share them evenly.
    """
    run = recipe.run
    micro_batches = run.batch // run.micro_batch
    if micro_batches % layout.data:
        step = run.micro_batch * layout.data
        found = (
            f"{run.batch} {run.batch_unit} = {micro_batches} micro-batches of {run.micro_batch}"
            f" on {layout.data} data ranks"
        )
        allowed = f"a multiple of run.micro_batch x data ranks = {step}"
        near = max(step, round(run.batch / step) * step)
        raise ConfigError(
            [Fault(origin(recipe, "run.batch"), "run.batch", found, allowed, f"run.batch={near}")]
        )
    accumulation = micro_batches // layout.data
    at_once = run.micro_batch, micro_batches, accumulation, run.eval_micro_batch
    return Batching(run.batch, *at_once, run.batch_unit)
