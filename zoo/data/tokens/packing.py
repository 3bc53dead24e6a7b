"""Language-model text: tokenized once into one file on the disk, read as blocks of equal length."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.data.cache import cached
from zoo.data.corrupt import CorruptLimit
from zoo.data.rows import CorruptExample, Row, Rows, digest
from zoo.errors import ConfigError, Fault

_VERSION = 4

EncodePieces = Callable[[Iterable[str]], Iterator[Sequence[int]]]
"""The pieces of one text to their ids, piece by piece."""
Frame = tuple[Sequence[int], Sequence[int]]
"""The ids before and behind each document."""


class PackedRows(Rows):
    """Blocks of `length` tokens of one stream; each begins `overlap` tokens before the last ends.

    Row: input_ids int64 (length,), and bytes: UTF-8 bytes of text that length - overlap tokens
    stand for on the average of this set. The last incomplete block is left out; `corrupt` names the
    documents that could not be read.
    """

    roles = frozenset({"input_ids", "bytes"})

    def __init__(self, folder: Path, length: int, overlap: int) -> None:
        self.tokens: np.ndarray = np.load(folder / "tokens.npy", mmap_mode="r")
        found = json.loads((folder / "found.json").read_text())
        self.length, self.stride = length, length - overlap
        self.text_bytes: int = found["bytes"]
        self.corrupt: tuple[str, ...] = tuple(found["corrupt"])
        self.bytes = self.text_bytes / max(1, len(self.tokens)) * self.stride
        self.fingerprint = digest("packed", folder.name, length, overlap)

    def __len__(self) -> int:
        return max(0, (len(self.tokens) - self.length) // self.stride + 1)

    def __getitem__(self, index: int) -> Row:
        start = index * self.stride
        block = self.tokens[start : start + self.length]
        return {"input_ids": block.astype(np.int64), "bytes": self.bytes}


def pack(
    rows: Rows,
    encode: EncodePieces,
    frame: Frame,
    vocab_size: int,
    fingerprint: str,
    length: int,
    overlap: int,
    root: Path,
    corrupt: CorruptLimit | None = None,
) -> PackedRows:
    """The text of `rows` as blocks of tokens, tokenized once and kept under `root`.

    Documents are encoded in pieces of about 1 MiB, and stand between the ids of `frame`.
    `fingerprint` stands for the tokenizer. Raises ConfigError if the text is shorter than one
    block, or if more documents cannot be read than `corrupt` allows (none without it).
    """
    kind: np.dtype[Any] = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
    limit = corrupt or CorruptLimit()

    def build(folder: Path) -> None:
        _tokenize(rows, encode, frame, kind, folder, limit)

    ends = [list(ids) for ids in frame]
    name = digest("tokens", _VERSION, rows.fingerprint, fingerprint, ends, kind.str)
    packed = PackedRows(cached(root, f"tokens-{name}", build), length, overlap)
    limit.add(enumerate(packed.corrupt))
    if not len(packed.tokens):
        found = f"{len(rows)} texts without a token"
        raise ConfigError([Fault("recipe", "data", found, "texts with something in them")])
    if not len(packed):
        found = f"{length} for a text of {len(packed.tokens)} tokens"
        allowed = f"at most {len(packed.tokens)}"
        raise ConfigError([Fault("recipe", "task.sequence_length", found, allowed)])
    return packed


def _tokenize(
    rows: Rows,
    encode: EncodePieces,
    frame: Frame,
    kind: np.dtype[Any],
    folder: Path,
    limit: CorruptLimit,
) -> None:
    """Writes tokens.npy, never holding more than a piece of a text, and found.json beside it."""
    before, after = (np.asarray(ids, dtype=kind).tobytes() for ids in frame)
    total = text_bytes = 0
    corrupt: list[str] = []
    with (folder / "tokens.npy").open("wb") as file:
        _write_header(file, kind, 0)
        start = file.tell()
        for index in range(len(rows)):
            begin, counted = file.tell(), _Counted(rows.pieces(index))
            try:
                for ids in encode(counted):
                    if len(ids):
                        file.write(before if file.tell() == begin else b"")
                        file.write(np.asarray(ids, dtype=kind).tobytes())
            except CorruptExample as error:
                file.seek(begin)  # what stands before the fault is no document
                file.truncate()
                limit.add([(len(corrupt), str(error))])
                corrupt.append(str(error))
                continue
            if file.tell() > begin:  # a text without tokens needs no end
                file.write(after)
            total += (file.tell() - begin) // kind.itemsize
            text_bytes += counted.size
        file.seek(0)
        _write_header(file, kind, total)
        assert file.tell() == start  # numpy pads a header so that a longer number still fits
    (folder / "found.json").write_text(json.dumps({"bytes": text_bytes, "corrupt": corrupt}))


class _Counted:
    """Pieces of a text, and how many UTF-8 bytes were handed on."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces, self.size = pieces, 0

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            self.size += len(piece.encode())
            yield piece


def _write_header(file: BinaryIO, kind: np.dtype[Any], count: int) -> None:
    header = {"descr": kind.str, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)
