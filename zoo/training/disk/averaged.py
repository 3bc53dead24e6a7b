"""The weights of a checkpoint that count where the average is scored and exported."""

from pathlib import Path

from zoo.engines.update.average import PREFIX
from zoo.recipe import Recipe
from zoo.recipe.derived.average import by_average
from zoo.training.reader import Reader


class Averaged(Reader):
    """The tensors of a checkpoint, of parameters that have one the moving average."""

    def key(self, name: str) -> str:
        """See Reader."""
        averaged = f"{PREFIX}{name}"
        return averaged if averaged in self.shapes else super().key(name)


def reader_of(recipe: Recipe, folder: Path) -> Reader:
    """The checkpoint's weights that the recipe scores and exports."""
    return Averaged(folder) if by_average(recipe) else Reader(folder)
