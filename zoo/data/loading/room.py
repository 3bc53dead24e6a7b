"""Shared memory: what data workers hand over lies there until it is read."""

import os
from pathlib import Path

SHARED = Path("/dev/shm")  # where Linux, and so torch, keeps it; in Docker it has 64 MB by default


def has_room(size: int, workers: int) -> bool:
    """Whether a worker may put so many bytes there, though each of a machine's may at this moment.

    Whoever writes where there is none is killed by SIGBUS.
    """
    if not size or not SHARED.is_dir():
        return True
    at_once = workers * int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return free_bytes() > 2 * size * at_once


def free_bytes() -> int:
    """What is free of it."""
    found = os.statvfs(SHARED)
    return found.f_bavail * found.f_frsize


def narrow(size: int) -> str:
    """What to tell of batches of so many bytes that found no room."""
    return (
        f"{SHARED} is small ({free_bytes() / 1e6:.0f} MB free): micro-batches of {size / 1e6:.1f} "
        "MB come through pipes, which is slower and less far ahead; a container gets more by "
        "--shm-size or --ipc=host, and fewer data.workers need less"
    )
