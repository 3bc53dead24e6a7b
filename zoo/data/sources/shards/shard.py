"""One shard: where it lies, and what is known of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"parquet": (".parquet",), "webdataset": (".tar",), "arrow": (".arrow", ".ipc", ".feather")}
"""By format: the suffixes of its shards."""


@dataclass(frozen=True)
class Shard:
    """A shard as its folder, or the `shards.json` in it, tells of it."""

    name: str
    """Below the folder."""
    place: str
    """A path or a URL."""
    kind: str
    size: int | None = None
    """In bytes."""
    tag: str = ""
    """Changes when the shard does."""
    sha256: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Facts:
    """What a shard was found to hold when it was read for the first time on this machine."""

    folder: Path
    rows: int
    held: int
    """Bytes that it takes on this machine's disk."""
    values: tuple[Any, ...]
    """Every class that is named in it, once."""

    def lengths(self) -> np.ndarray | None:
        """See Rows.lengths."""
        path = self.folder / "lengths.npy"
        return np.load(path) if path.exists() else None


def kind_of(name: str) -> str:
    """The format that a name's suffix stands for, or nothing."""
    return next((kind for kind, suffixes in KINDS.items() if name.lower().endswith(suffixes)), "")
