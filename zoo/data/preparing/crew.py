"""Who prepares data: how many processes here, and which of several that a launcher started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Crew:
    """`processes` on this machine (None: as many as cores); of `world` processes of one launch this
    is number `rank`. Those of one launch share the work out, where there are several.
    """

    processes: int | None = None
    rank: int = 0
    world: int = 1
    last: bool = True
    """Whether this process does what others leave undone."""

    @property
    def size(self) -> int:
        """How many processes work here."""
        return self.processes or cores()


_CREW: ContextVar[Crew] = ContextVar("crew", default=Crew())  # noqa: B039  # it is frozen


def crew() -> Crew:
    """The crew of whoever asked for data."""
    return _CREW.get()


@contextmanager
def prepared_by(chosen: Crew) -> Iterator[None]:
    """While it lasts, `chosen` prepares."""
    token = _CREW.set(chosen)
    try:
        yield
    finally:
        _CREW.reset(token)
