"""The single changes of layout, precision and optimizer that may make a refused recipe legal."""

from collections.abc import Iterator
from typing import Any

from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS, PLAIN

Change = tuple[tuple[str, ...], Recipe]
"""Words, and the recipe that they make."""


def steps(recipe: Recipe) -> Iterator[Change]:
    """One change at a time, those that keep most of what was asked for first."""
    parallel, zero = recipe.parallel, recipe.parallel.zero
    stage = zero.get("stage", 0)

    def with_zero(values: dict[str, Any]) -> Recipe:
        return recipe.model_copy(update={"parallel": parallel.model_copy(update={"zero": values})})

    for other in sorted({0, 1, 2, 3} - {stage}, key=lambda other: (abs(other - stage), other)):
        yield (f"parallel.zero.stage={other}",), with_zero({**zero, "stage": other})
    for key in ("offload_optimizer", "offload_param"):
        if key in zero:
            without = {name: value for name, value in zero.items() if name != key}
            yield (f"parallel.zero.{key}.device=none",), with_zero(without)
    for precision in sorted({"bf16", "fp32"} - {recipe.run.precision}):
        run = recipe.run.model_copy(update={"precision": precision})
        yield (f"run.precision={precision}",), recipe.model_copy(update={"run": run})
    if recipe.optimizer.type != PLAIN:
        rate = recipe.optimizer.params.get("lr", OPTIMIZERS[PLAIN].parameters["lr"].default)
        plain = recipe.optimizer.model_copy(update={"type": PLAIN, "params": {"lr": rate}})
        words = (f"optimizer.type={PLAIN}", f"optimizer.params.lr={rate}")
        yield words, recipe.model_copy(update={"optimizer": plain})
    if parallel.tensor > 1:
        one = parallel.model_copy(update={"tensor": 1})
        yield ("parallel.tensor=1",), recipe.model_copy(update={"parallel": one})
    if parallel.pipeline.stages > 1:
        alone = parallel.pipeline.model_copy(update={"stages": 1})
        one = parallel.model_copy(update={"pipeline": alone})
        yield ("parallel.pipeline.stages=1",), recipe.model_copy(update={"parallel": one})
