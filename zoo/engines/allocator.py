"""The C library's allocator while a model is loaded: whole tensors go back to the system at once.

glibc learns from the first freed tensor to keep such sizes on its heap; under ZeRO 3 the small
partitions that stay then lie between the whole tensors that go, and the holes are never filled.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

MMAP_THRESHOLD = -3  # malloc.h, M_MMAP_THRESHOLD
SMALL, USUAL = 1 << 20, 32 << 20  # bytes; the second is where glibc's own learning ends


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Maps every tensor of a MiB or more by itself; without glibc it changes nothing."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        yield
        return
    set_option(MMAP_THRESHOLD, SMALL)
    try:
        yield
    finally:
        set_option(MMAP_THRESHOLD, USUAL)
