"""The weights of checkpoints that count where some average is scored or exported."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

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


class Mean:
    """The mean of several checkpoints' weights, added up in fp64; buffers are the first one's.

    Weights of zoo.models.fill: one tensor at a time is read.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        self.first, *self.others = readers

    def names(self) -> frozenset[str]:
        """See Weights."""
        return self.first.names()

    def shape(self, name: str) -> tuple[int, ...]:
        """See Weights."""
        return self.first.shape(name)

    def tensor(self, name: str) -> Tensor:
        """See Weights; in the type of the first one's."""
        own = self.first.tensor(name)
        if self.first.key(name).startswith("buffer/") or not self.others:
            return own
        total = own.double()
        for other in self.others:
            total += other.tensor(name)
        return (total / (1 + len(self.others))).to(own.dtype)
