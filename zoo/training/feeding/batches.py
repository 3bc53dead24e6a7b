"""The micro-batches of a run: read by one process of each data rank, the same in all its ranks."""

from collections.abc import Callable, Iterator
from functools import cache

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.handing import handed
from zoo.data.loading.loader import MicroBatches, eval_batches, train_batches
from zoo.data.loading.room import narrow
from zoo.data.loading.workers import Workers
from zoo.data.ordering.order import Order
from zoo.data.rows import Batch, Rows
from zoo.engines.groups import hands_of
from zoo.layout import Layout
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import batching
from zoo.tasks.task import Task
from zoo.training.checks import Checked
from zoo.training.disk.unread import Unread
from zoo.training.feeding.prepared import cuts_of
from zoo.training.scoring import ScoredSet
from zoo.training.world import Here, say


def training_batches(
    recipe: Recipe, checked: Checked, rows: Rows, order: Order, step: int, here: Here
) -> Iterator[list[Batch]]:
    """This rank's micro-batches from the step after `step` on; all ranks call it together."""
    limit = CorruptLimit.of(recipe, rows, alone=False)

    def made() -> Iterator[list[Batch]]:
        workers, told = workers_of(recipe, checked.task, rows, limit, True), False
        shares = train_batches(
            rows,
            order,
            checked.task.example,
            checked.task.collate,
            batching(recipe, checked.layout).accumulation,
            checked.layout.data_rank(here.place.rank),
            recipe.run.seed,
            workers,
            step,
            limit,
        )
        for share in shares:
            if workers.narrow and not told:
                say(here, narrow(workers.narrow))
                told = True
            yield share

    return handed(hands_of(checked.layout, here.place.rank), made)


def valid_sets(
    recipe: Recipe, layout: Layout, task: Task, sets: dict[str, Rows], here: Here
) -> dict[str, ScoredSet]:
    """For each set a way to go through it once, sharing it out to the data ranks; all ranks call
    it together. Its workers are kept from the first evaluation to the last.
    """
    hands = hands_of(layout, here.place.rank)

    def batches_of(rows: Rows, limit: CorruptLimit) -> Callable[[], Iterator[Batch]]:
        cuts = cuts_of(recipe, task, rows)
        count = -(-len(rows) // recipe.run.eval_micro_batch) if cuts is None else len(cuts)
        most = -(-count // layout.data)
        workers = cache(lambda: workers_of(recipe, task, rows, limit, False, most))

        def made() -> Iterator[list[Batch]]:
            batches = eval_batches(
                rows,
                task.example,
                task.collate,
                recipe.run.eval_micro_batch,
                layout.data_rank(here.place.rank),
                layout.data,
                recipe.run.seed,
                workers(),
                limit,
                cuts,
            )
            return ([batch] for batch in batches)

        return lambda: (batch for share in handed(hands, made) for batch in share)

    limits = {name: CorruptLimit.of(recipe, rows, alone=False) for name, rows in sets.items()}
    return {
        name: ScoredSet(batches_of(rows, limits[name]), Unread(limits[name], here))
        for name, rows in sets.items()
    }


def workers_of(
    recipe: Recipe, task: Task, rows: Rows, limit: CorruptLimit, training: bool,
    most: int | None = None,
) -> Workers:  # fmt: skip
    """Workers (`most`: at most so many) that make micro-batches of these rows, until whoever holds
    them lets go.
    """
    seed, allowed = recipe.run.seed, limit.allowed
    maker = MicroBatches(rows, task.example, task.collate, seed, training, allowed)
    count = recipe.data.workers
    return Workers(maker, count if most is None else min(count, most))
