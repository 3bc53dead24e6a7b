"""Which shards a rank reads next, told to its rows while others are read."""

import numpy as np

from zoo.data.joined import Mixed
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
    """The shards of the windows that a rank's micro-batches of a step lie in, and of the next."""

    def __init__(self, rows: Rows, order: Order, micro_batches: range) -> None:
        self.rows, self.order, self.micro_batches = rows, order, micro_batches
        self.again = 0 if rows.shard_sizes() is not None else None

    def at(self, step: int) -> None:
        """Lets them be fetched; steps come one after the other."""
        if self.again is None or step < self.again:
            return
        now, span = self.order.shards(step, step + 1, self.micro_batches), 1
        found = now
        while len(found) < 2 * len(now) and span < self.order.steps_per_epoch:
            span *= 2
            found = self.order.shards(step, step + span, self.micro_batches)
        self.rows.expect(found[: 2 * len(now)])
        self.again = step + max(1, span // 8)


class EvalShards:
    """The shard that a row lies in, and the next ones."""

    def __init__(self, rows: Rows) -> None:
        sizes = rows.shard_sizes()
        self.rows, self.ends = rows, None if sizes is None else np.cumsum(sizes)
        self.last = -1

    def at(self, row: int) -> None:
        """Lets them be fetched."""
        if self.ends is None:
            return
        shard = int(np.searchsorted(self.ends, row, side="right"))
        if shard != self.last:
            self.last = shard
            self.rows.expect(range(shard, min(shard + _NEXT, len(self.ends))))


def check_room(recipe: Recipe, rows: Rows, order: Order, layout: Layout, place: Place) -> None:
    """Raises ConfigError where the windows of this machine's ranks, and the next ones, may not have
    room within `data.cache_limit`: each shard would be fetched again and again.

    The parts of a mixture have one folder in common, which each keeps to its own limit: all of them
    need room for what all hold.
    """
    parts = rows.by_name if isinstance(rows, Mixed) else {"": rows}
    streamed = {name: held for name, part in parts.items() if (held := _held(part)) is not None}
    if not streamed:
        return
    shares = [layout.data_rank(rank) for rank in place.neighbours()]
    each = batching(recipe, layout).accumulation
    micro_batches = range(min(shares) * each, (max(shares) + 1) * each)
    shards = np.array(order.shards(0, 1, micro_batches), dtype=np.int64)
    need, at_once, before = 0, 0, 0
    for name, part in parts.items():
        sizes = part.shard_sizes()
        after = before + (0 if sizes is None else len(sizes))
        if name in streamed:
            own = int(((before <= shards) & (shards < after)).sum())
            open_ = min(2 * own or 1, len(streamed[name]))
            need, at_once = need + int(np.sort(streamed[name])[-open_:].sum()), at_once + open_
        before = after
    faults = []
    for at, (name, data) in sections(recipe.data).items():
        limit = getattr(data, "cache_limit", None)
        if name in streamed and limit is not None and need > bytes_of(limit):
            found = f"{limit} for {at_once} shards that a machine reads or fetches at a time"
            allowed = f"at least {in_words(need)}, or fewer at a time by {at}.shuffle_window"
            key = f"{at}.cache_limit"
            faults.append(Fault(origin(recipe, key), key, found, allowed))
    if faults:
        raise ConfigError(faults)


def _held(rows: Rows) -> np.ndarray | None:
    """What each shard takes of the disk, where rows are streamed."""
    return rows.shard_bytes() if rows.shard_sizes() is not None else None
