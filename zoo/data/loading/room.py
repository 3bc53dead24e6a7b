"""Shared memory: what data workers hand over lies there until it is read and let go."""

import os
from pathlib import Path

SHARED = Path("/dev/shm")  # where Linux, and so torch, keeps it; in Docker it has 64 MB by default
AHEAD = 4  # micro-batches that each worker is ahead


class Room:
    """How far so many workers of this process may be ahead, by the largest of their batches so far;
    whoever reads them keeps `held` batches at a time.

    Batches lie there while they wait and while they are held. Room for two more a worker is left,
    without which workers put no more there (`fits`).
    """

    def __init__(self, workers: int, held: int) -> None:
        self.workers, self.held = workers, held
        self.ahead = 1
        """Batches that each worker may be ahead; one until it is known how large they are."""
        self.told = ""
        """A line for people on what is less or slower than it would be with more room."""
        self.size, self.piped = -1, 0

    def took(self, size: int, fit: bool) -> None:
        """Notes a batch that would take, or takes (`fit`), so many bytes there."""
        if size > self.size:
            self.size, self.ahead = size, self._ahead(size)
            if self.ahead < AHEAD:
                self.told = _short(size, f"a worker is {self.ahead} ahead instead of {AHEAD}")
        if not fit and size > self.piped:
            self.piped = size
            self.told = _short(size, "they come through pipes, which is slower")

    def _ahead(self, size: int) -> int:
        """How many batches of so many bytes a worker may be ahead, one at least."""
        if not size or not SHARED.is_dir():
            return AHEAD
        each = free_bytes() // (size * _processes())
        return min(max((each - self.held) // self.workers - 2, 1), AHEAD)


def fits(size: int, workers: int) -> bool:
    """Whether a worker may put so many bytes there, though each of a machine's may at this moment.

    Whoever writes where there is none is killed by SIGBUS.
    """
    if not size or not SHARED.is_dir():
        return True
    return free_bytes() > 2 * size * workers * _processes()


def free_bytes() -> int:
    """What is free of it."""
    found = os.statvfs(SHARED)
    return found.f_bavail * found.f_frsize


def _processes() -> int:
    """Those of this machine that have workers, as far as the launcher says it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _short(size: int, what: str) -> str:
    """What to tell of batches of so many bytes that found too little room."""
    return (
        f"{SHARED} is small ({free_bytes() / 1e6:.0f} MB free) for micro-batches of "
        f"{size / 1e6:.1f} MB: {what}; a container gets more by --shm-size or --ipc=host, and "
        "fewer data.workers need less"
    )
