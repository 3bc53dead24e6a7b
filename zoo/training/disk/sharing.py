"""Whether all ranks see one and the same run folder: found out before anything is trained."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin
from zoo.training.disk.lease import Lease, token_of
from zoo.training.disk.together import on_first
from zoo.training.world import Here

PATIENCE = 30.0
"""Seconds that a file server may take to show one host what another wrote."""


def shared(recipe: Recipe, root: Path, lease: Lease | None, here: Here) -> Lease:
    """The group's lease, after every rank has seen it in the folder and rank 0 a mark of each.

    Rank 0 hands in the lease that it holds; every rank must call it. Raises a ConfigError on all
    that names the hosts where the folder is another one, or cannot be written.
    """
    held = on_first(here, lambda: lease)
    assert held is not None, "rank 0 holds the folder"
    mine = Lease(root, held.number, held.holder)
    if here.place.world == 1:
        return mine
    marks = [f".{held.holder.token}-{rank}" for rank in range(here.place.world)]
    mark = mine.path.with_name(marks[here.place.rank])
    if _in_time(lambda: token_of(mine.path) == held.holder.token):
        with suppress(OSError):
            mark.touch()
    places = here.gather((socket.gethostname(), str(root)))
    there = on_first(here, lambda: _seen(mine.path.parent, marks))
    with suppress(OSError):
        mark.unlink(missing_ok=True)
    strange = [
        f"{at} of rank {rank} on {host}"
        for rank, ((host, at), mark) in enumerate(zip(places, marks, strict=True))
        if mark not in there
    ]
    if strange:
        host, at = places[0]
        found = f"{at} of rank 0 on {host}, which is not {', '.join(strange[:5])}"
        allowed = "a folder on a file system that all hosts share and may write"
        raise ConfigError([Fault(origin(recipe, "run.folder"), "run.folder", found, allowed)])
    return mine


def _seen(folder: Path, marks: list[str]) -> set[str]:
    """The marks that rank 0 sees in the end; it waits for late ones."""

    def now() -> set[str]:
        return {path.name for path in folder.iterdir()} & set(marks)

    _in_time(lambda: len(now()) == len(marks))
    return now()


def _in_time(true: Callable[[], bool]) -> bool:
    """Whether something becomes true within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
