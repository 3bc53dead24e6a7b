"""Megatron's indexed dataset: `x.bin`, token ids one after the other, and `x.idx` about them.

Source: megatron-core 0.16, core/datasets/indexed_dataset.py (`_IndexWriter`, `_IndexReader`).
"""

import hashlib
import os
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

_MAGIC = b"MMIDIDX\x00\x00"
_HEAD = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, length of the documents
_CODES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}  # 6 and 7 are floats
_LONGEST = 1 << 30  # tokens of a sequence, whose length is an int32
_BUFFER = 1 << 20


class UnreadableTokens(Exception):
    """A pair of .bin and .idx that is not what it says; the message has no path."""


def dtype_of(vocab_size: int) -> np.dtype[Any]:
    """The type of ids that Megatron writes: two bytes below 65,500 ids, else int32."""
    return np.dtype("<u2" if vocab_size < 65500 else "<i4")


@dataclass(frozen=True)
class Index:
    """What an .idx says: the type of ids, the first token of each document, and all tokens."""

    dtype: np.dtype[Any]
    documents: np.ndarray
    """Where each document starts, and behind them the number of tokens; int64 (documents + 1,)."""

    @property
    def tokens(self) -> int:
        """How many ids lie in the .bin."""
        return int(self.documents[-1])


def read_index(prefix: Path) -> Index:
    """Reads `prefix`.idx; raises UnreadableTokens where it is none, or not of the .bin beside it.

    Several sequences of one document are one stretch of tokens; the modes of multimodal sets are
    left alone.
    """
    try:
        content = beside(prefix, ".idx").read_bytes()
        size = beside(prefix, ".bin").stat().st_size
    except OSError as error:
        raise UnreadableTokens(str(error.strerror)) from None
    if len(content) < _HEAD.size or not content.startswith(_MAGIC):
        raise UnreadableTokens("no index of Megatron's: it begins with other bytes than MMIDIDX")
    _, version, code, sequences, ends = _HEAD.unpack_from(content)
    if version != 1 or code not in _CODES:
        raise UnreadableTokens(f"version {version}, type {code}; read are version 1 and integers")
    if len(content) < _HEAD.size + 12 * sequences + 8 * ends or not ends:
        raise UnreadableTokens(f"cut: {len(content)} bytes for {sequences} sequences")
    dtype: np.dtype[Any] = np.dtype(_CODES[code])
    lengths = np.frombuffer(content, "<i4", sequences, _HEAD.size)
    places = np.frombuffer(content, "<i8", sequences, _HEAD.size + 4 * sequences)
    documents = np.frombuffer(content, "<i8", ends, _HEAD.size + 12 * sequences)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if not np.array_equal(places, starts[:-1] * dtype.itemsize):
        raise UnreadableTokens("sequences that do not lie one after the other")
    if size != starts[-1] * dtype.itemsize:
        raise UnreadableTokens(f"{size} bytes in the .bin for {starts[-1]} tokens in the .idx")
    if documents[-1] != sequences or (np.diff(documents) < 0).any() or documents[0] != 0:
        raise UnreadableTokens("documents that do not end with the sequences")
    return Index(dtype, starts[documents])


class IndexWriter:
    """Writes `prefix`.bin and .idx, a document at a time; used with `with`.

    What an exception leaves is no pair: the .idx comes last.
    """

    def __init__(self, prefix: Path, dtype: np.dtype[Any]) -> None:
        self.prefix, self.dtype = prefix, dtype
        self.lengths, self.documents = array("i"), array("q", [0])
        self.file = beside(prefix, ".bin").open("wb", _BUFFER)
        self.hash = hashlib.sha256()
        self.tokens = 0
        self.begun, self.size = self.hash.copy(), 0

    def add(self, ids: bytes) -> None:
        """Further ids of the document that is being written, as bytes of the type."""
        self.file.write(ids)
        self.hash.update(ids)
        self.size += len(ids)

    def end(self) -> int:
        """Ends the document; returns how many tokens it has. One without any is none."""
        count = self.size // self.dtype.itemsize
        for start in range(0, count, _LONGEST):
            self.lengths.append(min(_LONGEST, count - start))
        if count:
            self.documents.append(len(self.lengths))
        self.tokens += count
        self.begun, self.size = self.hash.copy(), 0
        return count

    def drop(self) -> None:
        """Forgets the document that is being written."""
        self.file.seek(self.tokens * self.dtype.itemsize)
        self.file.truncate()
        self.hash, self.size = self.begun.copy(), 0

    def __enter__(self) -> "IndexWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._close()
        finally:
            self.file.close()

    def _close(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        lengths = np.frombuffer(self.lengths, "<i4") if self.lengths else np.zeros(0, "<i4")
        places = (np.cumsum(lengths, dtype="<i8") - lengths) * self.dtype.itemsize
        code = next(code for code, name in _CODES.items() if np.dtype(name) == self.dtype)
        with beside(self.prefix, ".idx").open("wb") as file:
            file.write(_HEAD.pack(_MAGIC, 1, code, len(lengths), len(self.documents)))
            for part in (lengths, places.astype("<i8"), np.array(self.documents, "<i8")):
                file.write(part.tobytes())
            file.flush()
            os.fsync(file.fileno())


def beside(prefix: Path, suffix: str) -> Path:
    """The file of a pair, whose prefix may hold dots."""
    return prefix.with_name(prefix.name + suffix)
