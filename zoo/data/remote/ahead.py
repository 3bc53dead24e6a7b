"""Brings shards near before they are read, while others are."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

_THREADS = 4  # a process; one shard each


class Ahead:
    """Calls `bring` for the wanted shards in the background, in their order.

    What `bring` raises is left to who reads the shard: it is asked for again then. A process that
    is forked from this one has threads of its own, once it wants something.
    """

    def __init__(self, bring: Callable[[int], None]) -> None:
        self.bring = bring
        self.pid = -1

    def want(self, shards: Sequence[int]) -> None:
        """These shards and no longer those that were wanted before."""
        if self.pid != os.getpid():
            self.pid, self.left, self.changed = os.getpid(), list[int](), threading.Condition()
            for number in range(_THREADS):
                name = f"zoo-ahead-{number}"
                threading.Thread(target=self._run, daemon=True, name=name).start()
        with self.changed:
            self.left[:] = shards
            self.changed.notify_all()

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.left:
                    self.changed.wait()
                shard = self.left.pop(0)
            with suppress(Exception):
                self.bring(shard)

    def __getstate__(self) -> dict[str, object]:
        """What another process starts with: no threads."""
        return {"bring": self.bring, "pid": -1}
