"""Which weights of a run count."""

from zoo.recipe.recipe import Recipe


def by_average(recipe: Recipe) -> bool:
    """Whether the moving average of the weights is scored and exported in their place."""
    section = recipe.optimizer.ema
    return section is not None and section.evaluate
