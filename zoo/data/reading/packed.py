"""Files as they are, or unpacked while they are read: .gz, .zst and .bz2."""

import io
from pathlib import Path
from typing import IO, BinaryIO

import pyarrow

_PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


def unpacked(name: str) -> str:
    """A file's name without the suffix that says how it is packed."""
    suffix = next((one for one in _PACKED if name.lower().endswith(one)), "")
    return name[: -len(suffix)] if suffix else name


def open_bytes(path: Path) -> BinaryIO:
    """The bytes in a file; reading them raises an OSError without a number where packing is
    damaged or ends too early.
    """
    way = _PACKED.get(path.suffix.lower())
    if way is None:
        return path.open("rb")
    return io.BufferedReader(pyarrow.input_stream(str(path), compression=way))


def open_text(path: Path, newline: str | None = None) -> IO[str]:
    """The characters in a file; bytes that are no UTF-8 come as surrogates."""
    return io.TextIOWrapper(open_bytes(path), "utf-8-sig", "surrogateescape", newline)
