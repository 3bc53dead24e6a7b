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
    return unpacking(path.open("rb"), path)


def is_packed(path: Path) -> bool:
    """Whether a file is unpacked while it is read."""
    return path.suffix.lower() in _PACKED


def unpacking(file: BinaryIO, path: Path) -> BinaryIO:
    """The bytes in an open file, which is packed as the suffix of its path says; closing them
    closes it.
    """
    way = _PACKED.get(path.suffix.lower())
    if way is None:
        return file
    return io.BufferedReader(pyarrow.input_stream(file, compression=way))


def open_text(path: Path, newline: str | None = None) -> IO[str]:
    """The characters in a file; bytes that are no UTF-8 come as surrogates."""
    return as_characters(open_bytes(path), newline)


def as_characters(file: BinaryIO, newline: str | None = None) -> IO[str]:
    """The characters in an open file, as `open_text` gives them."""
    return io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline)
