"""The weights that an adapter stands on: known by a digest, and no others taken for them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ConfigError, Fault
from zoo.models.weights import stored

READ_WHOLE = 64 << 20
"""Bytes of a base up to which all are read for its digest."""
STRETCH, TENSORS = 4 << 10, 4096
"""Of a larger one: bytes at the beginning, middle and end of so many tensors."""
SHOWN = 12
"""Of a digest what messages show."""
ACCEPT = "--accept-base"


def base_digest(files: Sequence[Path]) -> str:
    """A digest of what safetensors files hold, however they are shared out and wherever they lie.

    Names, types and shapes of all tensors and, up to READ_WHOLE, all bytes. Of a larger base three
    stretches of evenly spread tensors: any training changes them, but a change of single values in
    between is not seen. At most 50 MB are read.
    """
    found = hashlib.sha256()
    tensors = sorted((one for path in files for one in stored(path)), key=lambda one: one.name)
    whole = sum(one.size for one in tensors) <= READ_WHOLE
    sampled = {one.name for one in tensors[:: 1 + len(tensors) // TENSORS]}
    for one in tensors:
        found.update(f"{one.name} {one.kind} {list(one.shape)} ".encode())
        middle, last = (one.size - STRETCH) // 2, one.size - STRETCH
        stretches = [(0, STRETCH), (middle, STRETCH), (last, STRETCH)]
        if whole or one.size <= 3 * STRETCH:
            stretches = [(0, one.size)]
        if whole or one.name in sampled:
            with one.path.open("rb") as file:
                for start, size in stretches:
                    file.seek(one.start + start)
                    found.update(file.read(size))
    return found.hexdigest()[:32]


def refuse_other_base(adapter: str, trained_on: str, files: Sequence[Path]) -> None:
    """Raises ConfigError where these are the files of another base than the one with the digest
    `trained_on`. It is empty of a base that was drawn, and where nothing tells it.
    """
    if not trained_on or not files or trained_on == (now := base_digest(files)):
        return
    found = f"{files[0].parent} with digest {now[:SHOWN]}"
    allowed = f"the base that the adapter was trained on, {trained_on[:SHOWN]}: put it back"
    raise ConfigError([Fault(adapter, "its base", found, allowed, ACCEPT)])
