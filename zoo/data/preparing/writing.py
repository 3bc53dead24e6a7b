"""One shard: its texts tokenized and written beside, hashed, then renamed."""

import json
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.preparing.shares import Share, stretch, text_file
from zoo.data.rows import CorruptExample, Rows
from zoo.data.tokens.indexed import IndexWriter, beside
from zoo.data.tokens.scheme import Scheme
from zoo.data.tokens.words import WordEncoder

_CHECKED, _LETTERS = 200, 1 << 16  # texts of a shard that are encoded both ways, and characters


@dataclass(frozen=True)
class Shard:
    """What a shard holds, as `shards.json` says it."""

    name: str
    tokens: int
    documents: int
    text_bytes: int
    sha256: str
    """Of the .bin."""
    continues: bool
    """Whether its first document is the end of the last one of the shard before."""
    corrupt: tuple[str, ...]


class Refused(Exception):
    """A shard with more corrupt texts than the whole may have; `args[0]` says why each is."""


@dataclass(frozen=True)
class Work:
    """All that a process needs to write shards of one set."""

    rows: Rows
    scheme: Scheme
    folder: Path
    most_corrupt: int
    """A shard with more corrupt rows is broken off."""

    def __call__(self, number: int, share: Share) -> Shard:
        """Writes a shard, whose .json comes last, and says what it holds; raises Refused."""
        name = f"{number:05d}"
        part = self.folder / f"{name}.{socket.gethostname()}.{os.getpid()}.part"
        try:
            shard = self._written(name, part, share)
            for suffix in (".bin", ".idx"):
                beside(part, suffix).replace(self.folder / f"{name}{suffix}")
            told = beside(part, ".json")
            told.write_text(json.dumps(asdict(shard)), encoding="utf-8")
            told.replace(self.folder / f"{name}.json")
        finally:
            for suffix in (".bin", ".idx", ".json"):
                beside(part, suffix).unlink(missing_ok=True)
        return shard

    def _written(self, name: str, part: Path, share: Share) -> Shard:
        encode = self.scheme.encode
        if isinstance(encode, WordEncoder):
            self._compare(encode, share)
        text_bytes, documents = 0, 0
        corrupt: list[str] = []
        with IndexWriter(part, self.scheme.dtype) as writer:
            for row, start, stop in share.texts():
                pieces = _Counted(self._pieces(row, start, stop))
                try:
                    self._document(writer, encode(pieces), start == 0, stop is None)
                except CorruptExample as error:
                    writer.drop()  # what stands before the fault is no document
                    corrupt.append(str(error))
                    if len(corrupt) > self.most_corrupt:
                        raise Refused(corrupt) from None
                    continue
                text_bytes += pieces.size
                documents += writer.end() > 0
        tokens, found = writer.tokens, writer.hash.hexdigest()
        return Shard(name, tokens, documents, text_bytes, found, share.continues, tuple(corrupt))

    def _document(
        self, writer: IndexWriter, found: Iterable[Any], begins: bool, ends: bool
    ) -> None:
        """Adds a text, or a part of one, between the ids of the frame."""
        before, after = (self._bytes(ids) for ids in self.scheme.frame)
        filled = not begins
        for ids in found:
            if len(ids):
                writer.add(b"" if filled else before)
                writer.add(self._bytes(ids))
                filled = True
        if filled and ends:  # a text without tokens needs no end
            writer.add(after)

    def _pieces(self, row: int, start: int, stop: int | None) -> Iterator[str]:
        if start == 0 and stop is None:
            return self.rows.pieces(row)
        file = text_file(self.rows, row)
        assert file is not None
        return stretch(file, start, stop)

    def _compare(self, encode: WordEncoder, share: Share) -> None:
        """Encodes some of the texts both ways; where they differ, the tokenizer does all."""
        left = _LETTERS
        for count, (row, start, stop) in enumerate(share.texts()):
            try:
                text = next(self._pieces(row, start, stop), "")[:left]
            except CorruptExample:
                continue
            left -= len(text)
            if not encode.agrees(text) or left <= 0 or count >= _CHECKED:
                return

    def _bytes(self, ids: Any) -> bytes:
        return np.asarray(ids, dtype=self.scheme.dtype).tobytes()


class _Counted:
    """Pieces of a text, and how many UTF-8 bytes were handed on."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces, self.size = pieces, 0

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            self.size += len(piece) if piece.isascii() else len(piece.encode())
            yield piece


def read_shard(folder: Path, name: str) -> Shard | None:
    """What a shard holds that is whole; None where it is not there yet."""
    try:
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Shard(**{**told, "corrupt": tuple(told["corrupt"])})
