"""Which weights of a run count: the trained ones, their moving average, a mean of several."""

from zoo.recipe.recipe import Recipe


def by_average(recipe: Recipe) -> bool:
    """Whether the moving average of the weights is scored and exported in their place."""
    section = recipe.optimizer.ema
    return section is not None and section.evaluate


def exported_together(recipe: Recipe) -> int:
    """Of how many checkpoints the exported weights are the mean."""
    _, word, count = recipe.run.export.partition("average-")
    return int(count) if word else 1
