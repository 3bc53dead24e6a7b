"""Where a run writes."""

from pathlib import Path

from zoo.recipe.recipe import Recipe


def run_folder(recipe: Recipe) -> Path:
    """`run.folder`, or `runs/<recipe>` in the working directory; absolute."""
    return Path(recipe.run.folder or f"runs/{recipe.name}").expanduser().absolute()
