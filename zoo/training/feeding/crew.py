"""The data workers of a run, made before it joins a process group and takes up a GPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import MicroBatches
from zoo.data.loading.workers import Workers
from zoo.data.rows import Rows
from zoo.layout import Place
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import batching
from zoo.training.checks import Checked
from zoo.training.feeding.prepared import cuts_of


@dataclass(frozen=True)
class Crew:
    """Who makes this rank's micro-batches: a pool for each set that is scored, and one to train, of
    nobody where nothing is trained. A rank that is handed what another reads has no workers.
    """

    train: int | Workers
    valid: Mapping[str, Workers]


@contextmanager
def crew_of(
    recipe: Recipe, checked: Checked, train: Rows | None, valid: Mapping[str, Rows], place: Place
) -> Iterator[Crew]:
    """The workers for these rows, until it is left.

    They are forked, so what the process holds by then stays in memory for as long as they live:
    make them before the model has its values. Forked after it, they keep the first values of all
    weights and moments that lie in main memory beside those that are trained.
    """
    count = recipe.data.workers if checked.layout.reads(place.rank) else 0
    each = batching(recipe, checked.layout).accumulation  # the present share is kept, and the next

    def pool(rows: Rows, training: bool, most: int, held: int) -> Workers:
        task, seed, limit = checked.task, recipe.run.seed, CorruptLimit.of(recipe, rows)
        maker = MicroBatches(rows, task.example, task.collate, seed, training, limit.allowed)
        return Workers(maker, min(count, most), held)

    def most_at_once(rows: Rows) -> int:
        cuts = cuts_of(recipe, checked.task, rows)
        micro_batches = -(-len(rows) // recipe.run.eval_micro_batch) if cuts is None else len(cuts)
        return -(-micro_batches // checked.layout.data)

    crew = Crew(
        0 if train is None else pool(train, True, count, 2 * each),
        {name: pool(rows, False, most_at_once(rows), 2) for name, rows in valid.items()},
    )
    yield crew
    # Not with an error in flight, which is to be told at once: then they end with the process.
    for workers in (crew.train, *crew.valid.values()):
        if isinstance(workers, Workers):
            workers.close()
