"""How files of records are cut into pieces: by what they hold, never by who reads them."""

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo.data.reading.packed import is_packed, unpacking
from zoo.data.sources.parquet import parquet_records
from zoo.data.sources.records import BLANK, LINES, READERS, Record, UnreadableFile

LEAST, MOST = 4 << 20, 64 << 20
"""Bytes of a piece, unpacked: at least, and at most however long the file is."""
_GROWING = 8  # a piece is 1/256 of what stands before it, so that there are not too many
_WELL_PACKED = 16  # times as small as its content, a file may be
_HEADED = ("csv", "tsv")


@dataclass(frozen=True)
class Stretch:
    """A file of records, or the lines of one from a byte to another, unpacked."""

    number: int
    """Of the file, among all of a set."""
    path: Path
    kind: str
    start: int = 0
    stop: int | None = None
    """None: the whole file, which its own reader reads."""
    before: int = 0
    """Lines of the file that stand before it."""
    head: bytes = b""
    """The header of the file, where it does not begin there itself."""
    content: bytes | None = None
    """Its bytes, where the file is packed: who reads a part of one has read all before."""

    def records(self, wanted: Collection[str]) -> Iterator[Record]:
        """Its records, which read `wanted`; raises UnreadableFile, and of a part Uncut."""
        if self.stop is None:
            yield from {**READERS, "parquet": parquet_records}[self.kind](self.path, wanted)
            return
        skipped = self.before - (1 if self.head else 0)
        try:
            yield from LINES[self.kind](io.BytesIO(self.head + self._read()), wanted, skipped)
        except UnreadableFile:  # a quote is open at its end: here, or where it begins, is none
            raise Uncut(self.number) from None

    def _read(self) -> bytes:
        if self.content is not None or self.stop is None:
            return self.content or b""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.stop - self.start)


@dataclass(frozen=True)
class Piece:
    """What one process reads at a time: some small files, or a stretch of a large one."""

    stretches: tuple[Stretch, ...]
    size: int
    """Bytes on the disk."""

    @property
    def name(self) -> str:
        """The same for the same records only, of one set of files."""
        first, last = self.stretches[0], self.stretches[-1]
        return f"{first.number}-{first.start}-{last.number}-{last.stop or 'end'}"


class Uncut(Exception):
    """A file that cannot be cut; `args[0]` is its number."""


def pieces_of(files: Sequence[tuple[Path, str]], uncut: Collection[int]) -> Iterator[Piece]:
    """All records of the files (with a format each) in order, those of some files never cut; raises
    Uncut of further such files, and UnreadableFile.
    """
    held: list[Stretch] = []
    size = 0
    for number, (path, kind) in enumerate(files):
        whole = [(Stretch(number, path, kind), path.stat().st_size)]
        apart = number not in uncut and kind in LINES and _is_large(path)
        for stretch, read in _stretches(number, path, kind) if apart else whole:
            held.append(stretch)
            size += read
            if size >= LEAST or stretch.stop is not None:
                yield Piece(tuple(held), size)
                held, size = [], 0
    if held:
        yield Piece(tuple(held), size)


def _is_large(path: Path) -> bool:
    return path.stat().st_size * (_WELL_PACKED if is_packed(path) else 1) > LEAST


def _stretches(number: int, path: Path, kind: str) -> Iterator[tuple[Stretch, int]]:
    """The stretches of a file, and how many bytes of the disk each takes."""
    try:
        with path.open("rb") as raw:
            told = 0
            for stretch in _cut(number, path, kind, unpacking(raw, path)):
                yield stretch, raw.tell() - told
                told = raw.tell()
    except OSError as error:
        if error.errno is not None:
            raise  # else what packs it is damaged
        raise UnreadableFile(f"{path} ({error})") from None


def _cut(number: int, path: Path, kind: str, file: BinaryIO) -> Iterator[Stretch]:
    head = file.readline() if kind in _HEADED else b""
    start = before = 0
    rest, packed = head, is_packed(path)
    while True:
        asked = min(max(LEAST, start >> _GROWING), MOST)
        read = file.read(asked)
        block, last = rest + read, len(read) < asked
        if start == 0 and (last or not _is_plain(kind, head, block)):
            yield Stretch(number, path, kind)
            return
        end = len(block) if last else _end(kind, block)
        if end:
            content = block[:end] if packed else None
            again = head if start else b""
            yield Stretch(number, path, kind, start, start + end, before, again, content)
            before += _lines(kind, block[:end])
            start += end
        elif len(block) > MOST:
            raise Uncut(number)
        if last:
            return
        rest = block[end:]


def _is_plain(kind: str, head: bytes, block: bytes) -> bool:
    """Whether each line begins anew, as far as a file's begin shows it."""
    if kind == "jsonl":
        return not block.lstrip(BLANK).startswith(b"[")
    ended = head.rstrip(b"\r\n")
    return bool(ended.strip(BLANK)) and b"\r" not in ended and head.count(b'"') % 2 == 0


def _end(kind: str, block: bytes) -> int:
    """Behind the last line end that stands in no quotes, as far as quotes tell; 0: there is none.

    That a record ends there is seen when the stretch is read (see `Stretch.records`).
    """
    end = block.rfind(b"\n") + 1
    if kind != "csv":
        return end
    odd = block.count(b'"', 0, end) % 2
    while odd and end:
        line = block.rfind(b"\n", 0, end - 1) + 1
        odd ^= block.count(b'"', line, end) % 2
        end = line
    return end


def _lines(kind: str, block: bytes) -> int:
    """How many lines the reader of a format counts."""
    lines = block.count(b"\n")
    return lines + block.count(b"\r") - block.count(b"\r\n") if kind == "csv" else lines
