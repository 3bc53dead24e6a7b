"""Where a run writes."""

from pathlib import Path

from zoo.layout import working_directory
from zoo.recipe.recipe import Recipe


def run_folder(recipe: Recipe) -> Path:
    """`run.folder`, or `runs/<recipe>` in the working directory; absolute.

    Raises ConfigError if the working directory is needed and has been deleted.
    """
    folder = Path(recipe.run.folder or f"runs/{recipe.name}").expanduser()
    return folder if folder.is_absolute() else working_directory() / folder
