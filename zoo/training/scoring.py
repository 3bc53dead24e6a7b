"""Scores one set: the way from its micro-batches to numbers, for the loop and for `zoo eval`."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch.distributed as dist

from zoo.data.rows import Batch
from zoo.engines.engine import Engine, Evaluated, Record, Totals
from zoo.engines.groups import by_first
from zoo.engines.sums import Notice
from zoo.tasks.task import Records, Task
from zoo.training.disk.unread import Unread
from zoo.training.world import Here, StopSignals


class Stopped(Exception):
    """A stop signal was heeded: the step is finished and saved."""

    def __init__(self, signal: int) -> None:
        self.signal = signal
        super().__init__(f"stopped by signal {signal}")


class ScoredSet(NamedTuple):
    """A set that is scored: a way to go through this rank's micro-batches, as many on each rank,
    and what is known of its rows.
    """

    batches: Callable[[], Iterable[Batch]]
    unread: Unread


def score_set(
    engine: Engine, task: Task, one: ScoredSet, here: Here, signals: StopSignals
) -> dict[str, float]:
    """The scores of a set, the same on every rank; all ranks call it together.

    Tallies are sums; records, where the task has them, go to rank 0, which scores and tells.
    Raises on all ranks together Stopped when `signals` of any has one, and as Unread does.
    """
    totals: Totals = {}
    records: list[Record] = []
    for found in evaluated(engine, one, signals):
        totals = added(totals, found.totals)
        records += found.records
    if not task.has_records:
        return task.score(totals)
    everyones = gathered(records, here)
    return by_first(lambda: task.score(totals, everyones), here.first, here.device)


def evaluated(engine: Engine, one: ScoredSet, signals: StopSignals) -> Iterator[Evaluated]:
    """What each micro-batch of a set gives, this rank's own records with it; all ranks go through
    it together. Raises as `score_set` does.
    """
    batches = iter(one.batches())
    batch = [*islice(batches, 1)]
    one.unread.settle(batch)
    while batch:
        following = [*islice(batches, 1)]
        found = engine.eval_batch(batch[0], Notice(signals.number, one.unread.news(following)))
        if found.told.signal:
            raise Stopped(found.told.signal)
        if found.told.news:
            one.unread.settle(following)
        yield found
        batch = following


def added(totals: Totals, found: Totals) -> Totals:
    """Tallies added up, name by name."""
    return {key: totals[key] + value if totals else value for key, value in found.items()}


def gathered(own: list[Record], here: Here) -> Records:
    """All ranks' records by name, in the order of their rows, on rank 0; elsewhere nothing."""
    everyone: list[Any] | None = [own]
    if here.place.world > 1:
        everyone = [None] * here.place.world if here.first else None
        dist.gather_object(own, everyone, dst=0)
    rows = [record for some in everyone or [] for record in some]
    rows.sort(key=lambda record: record[0])
    names = rows[0][1] if rows else {}
    return {name: [values[name] for _, values in rows] for name in names}
