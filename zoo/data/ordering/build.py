"""Which order a recipe asks for."""

from zoo.data.ordering.epochs import Epochs
from zoo.data.ordering.order import Order
from zoo.data.rows import Rows
from zoo.recipe import Recipe


def order_of(recipe: Recipe, rows: Rows, repeats: int = 1) -> Order:
    """The order of the training rows; raises ConfigError if no batch is complete."""
    run, sampling = recipe.run, recipe.data.sampling
    lengths = rows.lengths() if sampling == "group-by-length" else None
    return Epochs(len(rows), run.batch, run.seed, sampling, lengths, repeats, run.micro_batch)
