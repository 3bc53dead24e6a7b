"""Which shards a rank reads next, told to its rows while others are read."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from zoo.data.joined import Mixed
from zoo.data.loading.room import AHEAD
from zoo.data.loading.workers import Workers
from zoo.data.ordering.order import Order
from zoo.data.rows import Rows
from zoo.errors import ConfigError, Fault
from zoo.layout import Layout, Place
from zoo.recipe import Recipe, origin
from zoo.recipe.derived.amounts import bytes_of, in_words
from zoo.recipe.derived.batching import batching
from zoo.recipe.spec.data import sections

_NEXT = 3  # shards that evaluation, which reads one after the other, is told of


class TrainShards:
    """The shards of the windows that a rank's micro-batches of the steps in the making lie in, and
    of the next; `workers` make them.
    """

    def __init__(
        self, rows: Rows, order: Order, micro_batches: range, workers: int | Workers, step: int
    ) -> None:
        self.rows, self.order, self.micro_batches = rows, order, micro_batches
        count = workers if isinstance(workers, int) else len(workers.workers)
        at_once = steps_at_once(count, len(micro_batches))
        self.most = order.most_shards(at_once, micro_batches)
        self.again, self.made = step, step

    def ask(self, step: int) -> None:
        """Lets those of a step be fetched, and of the next steps as many as there is room for;
        steps come one after the other.
        """
        if not self.most or step < self.again:
            return
        now, span = self.order.shards(self.made, step + 1, self.micro_batches), 1
        while True:
            found = self.order.shards(self.made, step + span, self.micro_batches)
            chosen, whole = self._chosen(now, found)
            if whole or span >= self.order.steps_per_epoch:
                break
            span *= 2
        self.rows.expect(chosen)
        self.again = step + max(1, span // 8)  # half the span at least is among them

    def take(self) -> None:
        """Notes that the next step is made: its shards are needed for others alone."""
        self.made += 1

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.rows.expect(())  # nothing more is read

    def _chosen(self, now: list[int], found: list[int]) -> tuple[list[int], bool]:
        """Of the shards `found` for the next steps those that there is room for, and all that are
        needed `now`; whether no source has more room.
        """
        chosen: list[int] = []
        begin, whole = 0, True
        for count, most in self.most:
            own = range(begin, begin + count)
            needed = dict.fromkeys(shard for shard in now if shard in own)
            needed |= dict.fromkeys(shard for shard in found if shard in own)
            room = max(most, sum(shard in own for shard in now))
            chosen += list(needed)[:room]
            whole = whole and len(needed) >= room
            begin += count
        return chosen, whole


class EvalShards:
    """The shards that the rows of micro-batches in the making lie in, and the next ones."""

    def __init__(self, rows: Rows) -> None:
        sizes = rows.shard_sizes()
        self.rows, self.ends = rows, None if sizes is None else np.cumsum(sizes)
        self.making: deque[int] = deque()
        self.told = range(0)

    def ask(self, row: int) -> None:
        """Lets the shard of a micro-batch that begins with a row be fetched."""
        if self.ends is not None:
            self.making.append(int(np.searchsorted(self.ends, row, side="right")))
            wanted = range(self.making[0], min(self.making[-1] + _NEXT, len(self.ends)))
            if wanted != self.told:
                self.told = wanted
                self.rows.expect(wanted)

    def take(self) -> None:
        """Notes that the next micro-batch is made."""
        if self.making:
            self.making.popleft()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        if self.ends is not None:
            self.rows.expect(())  # nothing more is read


def in_turn(rows: Rows, begins: Iterable[int]) -> Iterator[int]:
    """The same numbers: of the first rows of stretches that are read one after the other, whose
    shards are brought near.
    """
    shards = EvalShards(rows)
    with shards:
        for begin in begins:
            shards.ask(begin)
            yield begin
            shards.take()


def steps_at_once(workers: int, micro_batches: int) -> int:
    """The most steps that are in the making at a time, of so many micro-batches each."""
    return 1 + -(-AHEAD * workers // micro_batches)


def check_room(
    recipe: Recipe, layout: Layout, place: Place, order: Order, rows: Rows, *valid: Rows
) -> None:
    """Raises ConfigError where the windows of this machine's ranks, and the next ones, may not have
    room within `data.cache_limit` beside what reads a `valid` set: shards would be fetched again
    and again.

    The parts of a mixture have one folder in common, which each keeps to its own limit: all of them
    need room for what all hold.
    """
    parts = rows.by_name if isinstance(rows, Mixed) else {"": rows}
    numbered = [name for name, part in parts.items() if part.shard_sizes() is not None]
    each = batching(recipe, layout).accumulation
    shares = [layout.data_rank(rank) for rank in place.neighbours()]
    own = range(min(shares) * each, (max(shares) + 1) * each)
    most = order.most_shards(steps_at_once(recipe.data.workers, each), own)
    most = most or [(0, 1)] * len(numbered)  # one after the other
    need, at_once, streamed = 0, 0, set[str]()
    for name, (_, count) in zip(numbered, most, strict=True):
        need += _taken(parts[name], max(count, 1))
        at_once, streamed = at_once + max(count, 1), streamed | {name}
    scored = [
        (_taken(one, count), count) for one in valid if (count := _scored(recipe, one, layout))
    ]
    more, beside = max(scored, default=(0, 0))
    need, at_once = need + more, at_once + beside
    faults = []
    for at, (name, data) in sections(recipe.data).items():
        limit = getattr(data, "cache_limit", None)
        if name in streamed and limit is not None and need > bytes_of(limit):
            found = f"{limit} for {at_once} shards that a machine reads or fetches at a time"
            allowed = f"at least {in_words(need)}, or fewer at a time by {at}.shuffle_window"
            key = f"{at}.cache_limit"
            way = f"{key}={in_words(need).replace(' ', '')}"
            faults.append(Fault(origin(recipe, key), key, found, allowed, way))
    if faults:
        raise ConfigError(faults)


def _taken(rows: Rows, count: int) -> int:
    """The bytes of the disk that any so many of their shards take at most."""
    held, beside = rows.shard_bytes() or (np.zeros(1, dtype=np.int64), 0)
    return int(np.sort(held)[-count:].sum()) + beside


def _scored(recipe: Recipe, rows: Rows, layout: Layout) -> int:
    """How many shards one evaluation reads or fetches at a time."""
    sizes = rows.shard_sizes()
    if sizes is None:
        return 0
    examples = (1 + AHEAD * recipe.data.workers) * layout.data * recipe.run.eval_micro_batch
    return min(_NEXT + -(-examples * len(sizes) // max(int(sizes.sum()), 1)), len(sizes))
