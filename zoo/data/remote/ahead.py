"""Brings shards near before they are read, while others are."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from zoo.data.remote.cache import NoRoom

_AGAIN = 0.3  # seconds until room is looked for again: others make it, too
_THREADS = 4  # a process; one shard each


class Ahead:
    """Calls `bring` for the wanted shards in the background, in their order.

    Where there is no room yet it waits for some. What `bring` raises else is left to who reads the
    shard: it is asked for again then. A process that is forked from this one has threads of its
    own, once it wants something.
    """

    def __init__(self, bring: Callable[[int], None]) -> None:
        self.bring = bring
        self.pid = -1

    def want(self, shards: Sequence[int]) -> None:
        """These shards and no longer those that were wanted before."""
        if self.pid != os.getpid():
            self.pid, self.left, self.changed = os.getpid(), list[int](), threading.Condition()
            self.times = 0
            for number in range(_THREADS):
                name = f"zoo-ahead-{number}"
                threading.Thread(target=self._run, daemon=True, name=name).start()
        with self.changed:
            self.left[:] = shards
            self.times += 1
            self.changed.notify_all()

    @property
    def idle(self) -> bool:
        """Whether this process has never wanted any."""
        return self.pid != os.getpid()

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.left:
                    self.changed.wait()
                shard, wanted = self.left.pop(0), self.times
            if not self._has_room_for(shard):
                with self.changed:
                    if wanted == self.times:
                        self.left.insert(0, shard)
                        self.changed.wait(_AGAIN)

    def _has_room_for(self, shard: int) -> bool:
        with suppress(Exception):
            try:
                self.bring(shard)
            except NoRoom:
                return False
        return True

    def __getstate__(self) -> dict[str, object]:
        """What another process starts with: no threads."""
        return {"bring": self.bring, "pid": -1}
