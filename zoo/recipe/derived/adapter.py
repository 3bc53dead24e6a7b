"""What an export is where an adapter is trained."""

from zoo.recipe.recipe import Recipe


def exports_adapter(recipe: Recipe) -> bool:
    """Whether the exported folder holds an adapter alone."""
    return recipe.model.lora is not None and not recipe.run.export_merged
