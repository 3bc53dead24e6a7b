"""The micro-batches of a run: read by one process of each data rank, the same in all its ranks."""

from collections.abc import Callable, Iterator, Mapping

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.handing import handed
from zoo.data.loading.loader import eval_batches, train_batches
from zoo.data.loading.workers import Workers
from zoo.data.ordering.order import Order
from zoo.data.rows import Batch, Rows
from zoo.engines.groups import hands_of
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import batching
from zoo.training.checks import Checked
from zoo.training.disk.unread import Unread
from zoo.training.feeding.prefetch import prefetched
from zoo.training.feeding.prepared import cuts_of
from zoo.training.scoring import ScoredSet
from zoo.training.world import Here, say


def training_batches(
    recipe: Recipe, checked: Checked, rows: Rows, order: Order, step: int, here: Here,
    workers: int | Workers,
) -> Iterator[list[Batch]]:  # fmt: skip
    """This rank's micro-batches from the step after `step` on; all ranks call it together.

    `workers` are those of the run's crew, or how many to make for these micro-batches alone.
    """
    limit = CorruptLimit.of(recipe, rows, alone=False)

    def made() -> Iterator[list[Batch]]:
        told = ""
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
            if isinstance(workers, Workers) and workers.room.told != told:
                told = workers.room.told
                say(here, told)
            yield share

    shares = handed(hands_of(checked.layout, here.place.rank), made)
    return prefetched(shares, here.device)


def valid_sets(
    recipe: Recipe, checked: Checked, sets: Mapping[str, Rows], here: Here,
    workers: Mapping[str, int | Workers],
) -> dict[str, ScoredSet]:  # fmt: skip
    """For each set a way to go through it once, sharing it out to the data ranks, with its workers
    of the run's crew; all ranks call it together.
    """
    task, layout = checked.task, checked.layout
    hands = hands_of(layout, here.place.rank)

    def batches_of(name: str, limit: CorruptLimit) -> Callable[[], Iterator[Batch]]:
        rows = sets[name]
        cuts = cuts_of(recipe, task, rows)

        def made() -> Iterator[list[Batch]]:
            batches = eval_batches(
                rows,
                task.example,
                task.collate,
                recipe.run.eval_micro_batch,
                layout.data_rank(here.place.rank),
                layout.data,
                recipe.run.seed,
                workers[name],
                limit,
                cuts,
            )
            return ([batch] for batch in batches)

        shares = lambda: prefetched(handed(hands, made), here.device)  # noqa: E731
        return lambda: (batch for share in shares() for batch in share)

    limits = {name: CorruptLimit.of(recipe, rows, alone=False) for name, rows in sets.items()}
    return {
        name: ScoredSet(batches_of(name, limit), Unread(limit, here))
        for name, limit in limits.items()
    }
