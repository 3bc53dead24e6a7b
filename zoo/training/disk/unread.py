"""Rows that some rank could not read: what all ranks know of them, and when they leave for it."""

import socket
from collections.abc import Sequence

from zoo.data.corrupt import NAMED, CorruptLimit
from zoo.data.rows import Batch
from zoo.errors import DataError, Told
from zoo.training.world import Here, say

NOTED = 200
"""Rows of a set that events name; many more may be corrupt."""


class Unread:
    """What is known of the corrupt rows of one set: the same on all ranks.

    A rank that meets one says so in its next message (`news`), and after that message all ranks
    `settle` it: the limit counts different rows, over all ranks and, as `known` of them were
    counted before this start, over resumes.
    """

    def __init__(self, limit: CorruptLimit, here: Here, known: Sequence[int] = ()) -> None:
        self.limit, self.here = limit, here
        self.new: dict[int, str] = {}
        limit.found.update(dict.fromkeys(known, ""))

    @property
    def rows(self) -> list[int]:
        """The rows that were found corrupt so far."""
        return sorted(self.limit.found)

    def told(self) -> dict[int, str]:
        """The rows that were found corrupt since the last call, of the first NOTED, and why."""
        new, self.new = self.new, {}
        return new

    def news(self, batches: Sequence[Batch]) -> bool:
        """Whether this rank's next micro-batches hold what others may not know."""
        return bool(self._found(batches)) or any("inputs" not in batch for batch in batches)

    def settle(self, batches: Sequence[Batch]) -> None:
        """Shares what the ranks' next micro-batches hold; all ranks call it together.

        Raises on all of them ConfigError where more rows are corrupt than may be, and DataError
        where a rank has no micro-batch for another reason; both name rank, host and file.
        """
        faults = [batch["fault"] for batch in batches if "fault" in batch]
        unmade = any("inputs" not in batch for batch in batches)
        mine = (socket.gethostname(), self._found(batches), faults, unmade)
        everyone = self.here.gather(mine)
        for rank, (host, found, _, _) in enumerate(everyone):
            self._note(found, f" (rank {rank} on {host})" if len(everyone) > 1 else "")
        stopped = [
            f"rank {rank} on {host} cannot read on: {fault}"
            for rank, (host, _, faults, _) in enumerate(everyone)
            for fault in faults
        ]
        error: Told | None = DataError("\n".join(stopped)) if stopped else None
        if self.limit.exceeded or (error is None and any(unmade for *_, unmade in everyone)):
            error = self.limit.error()
        if error is not None:
            error.everywhere = True
            raise error

    def _found(self, batches: Sequence[Batch]) -> dict[int, str]:
        """The corrupt rows of micro-batches that are not known yet."""
        told = {row: text for batch in batches for row, text in batch["failures"]}
        return {row: text for row, text in told.items() if row not in self.limit.found}

    def _note(self, found: dict[int, str], where: str) -> None:
        """Takes up what a rank found, and says the first of it; rows of metrics count the rest."""
        for row, text in found.items():
            if row not in self.limit.found:
                self.limit.found[row] = text + where
                if len(self.limit.found) <= NOTED:
                    self.new[row] = text + where
                if len(self.limit.found) <= NAMED:
                    say(self.here, f"corrupt, left out: {text}{where}")
