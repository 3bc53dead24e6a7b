"""What all ranks do to a disk together: where one fails, all of them leave with its fault."""

from collections.abc import Callable
from typing import Any, TypeVar

from zoo.errors import Told
from zoo.training.world import Here

T = TypeVar("T")


def together(here: Here, action: Callable[[], T]) -> list[T]:
    """What `action` gives on each rank, on every rank; also a barrier; every rank must call it.

    A ConfigError, DiskError or ResumeError of any rank is raised on all of them. `action` must not
    wait for other ranks.
    """
    value: T | None = None
    fault: Told | None = None
    try:
        value = action()
    except Told as error:
        fault = error
    answers: list[tuple[Any, Told | None]] = here.gather((value, fault))
    for _, found in answers:
        if found is not None:
            found.everywhere = True
            raise found
    return [answer for answer, _ in answers]


def on_first(here: Here, action: Callable[[], T]) -> T:
    """What `action` gives on rank 0, which alone does it, on every rank; else as `together`."""
    found: list[Any] = together(here, action if here.first else lambda: None)
    first: T = found[0]
    return first
