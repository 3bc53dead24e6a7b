"""Which order a recipe asks for."""

from zoo.data.ordering.epochs import Epochs
from zoo.data.ordering.order import Order
from zoo.data.ordering.shards import Lanes
from zoo.data.rows import Rows
from zoo.recipe import Recipe


def order_of(recipe: Recipe, rows: Rows, repeats: int = 1) -> Order:
    """The order of the training rows; raises ConfigError if no batch is complete."""
    run, sampling = recipe.run, recipe.data.sampling
    lengths = rows.lengths() if sampling == "group-by-length" else None
    sizes = rows.shard_sizes() if sampling != "sequential" else None
    window = recipe.data.shuffle_window
    lanes = None if sizes is None else Lanes(sizes, run.batch, run.seed, window)
    return Epochs(
        len(rows), run.batch, run.seed, sampling, lengths, repeats, run.micro_batch, lanes
    )
