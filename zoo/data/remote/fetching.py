"""One whole file from its server to this machine's disk, checked."""

import hashlib
from contextlib import suppress
from pathlib import Path

from zoo.data.remote.places import copy
from zoo.data.remote.trying import tried


class _Other(Exception):
    """What came is not what was asked for."""


def fetch(place: str, target: Path, size: int | None, sha256: str | None, seconds: float) -> None:
    """Writes the file at a path or URL to `target`, whole; raises Unreachable.

    `size` in bytes and `sha256` are checked where they are known; what differs is asked for again.
    """
    files: list[Path] = []

    def come() -> int:
        with suppress(OSError, IndexError):
            return files[-1].stat().st_size
        return 0

    def bring(again: bool) -> None:
        # A try that was left behind may still write: each has a file of its own.
        part = target.with_suffix(f".{len(files)}.part")
        files.append(part)
        try:
            copy(place, part, seconds, again)
            _check(part, size, sha256)
            if part is files[-1]:
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    tried(place, bring, seconds, come)


def _check(part: Path, size: int | None, sha256: str | None) -> None:
    """Raises _Other where the file is not the one that was meant."""
    found = part.stat().st_size
    if size is not None and found != size:
        raise _Other(f"{found} of {size} bytes")
    if sha256 is not None:
        with part.open("rb") as file:
            came = hashlib.file_digest(file, "sha256").hexdigest()
        if came != sha256:
            raise _Other(f"sha256 {came[:12]}... where {sha256[:12]}... was meant")
