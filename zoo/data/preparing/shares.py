"""How the texts of a set are cut into shards: by what the set holds, never by who writes them."""

import codecs
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import regex

from zoo.data.joined import Concatenation
from zoo.data.rows import PIECE, CorruptExample, Rows, Subset, Wrapped
from zoo.data.sources.file_rows import TextFiles
from zoo.data.tokens.words import SAFE

LEAST, MOST, SHARDS = 4 << 20, 1 << 30, 1024
"""Bytes of text in a shard, and how many shards there are before they become larger."""
_LOOKED_AT = 4096  # rows whose size is looked at
_SAFE = regex.compile(SAFE.encode())

Place = tuple[int, int]
"""A row and the byte of its text, which is 0 but in a text file of many shards."""


@dataclass(frozen=True)
class Share:
    """The texts of one shard, from a place to the one behind it."""

    start: Place
    stop: Place

    @property
    def continues(self) -> bool:
        """Whether it begins inside of a text."""
        return self.start[1] > 0

    def texts(self) -> Iterator[tuple[int, int, int | None]]:
        """Rows, and of each the first byte and the one behind the last (None: to its end)."""
        (first, begin), (last, end) = self.start, self.stop
        for row in range(first, last + (end > 0)):
            yield row, begin if row == first else 0, end if row == last else None


def shares_of(rows: Rows, apart: bool, least: int = LEAST) -> tuple[list[Share], int]:
    """The shards of a set, and about how many bytes of text it has.

    Of a set with many rows some are looked at. With `apart` a long text file is cut too.
    """
    count = len(rows)
    places = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT), dtype=np.int64))
    sizes = [_size(rows, index) for index in places.tolist()]
    ends = np.append(places[1:], count)
    heavy = np.array(sizes, dtype=np.float64) * (ends - places)  # each stands for those up to next
    total = int(heavy.sum())
    wanted = min(max(least, total // SHARDS), MOST)
    begun = np.concatenate([[0.0], np.cumsum(heavy)])
    cuts: list[Place] = [(0, 0)]
    whole = cache(_is_text) if apart else None
    for target in range(wanted, total - wanted // 2, wanted):
        at = int(np.searchsorted(begun, target, side="right")) - 1
        share = (target - begun[at]) / max(1.0, heavy[at])
        cuts.append(_place(rows, int(places[at]), int(ends[at]), share, sizes[at], whole))
    cuts = [*sorted(set(cuts)), (count, 0)]
    return [Share(*pair) for pair in pairwise(cuts) if pair[0] != pair[1]], total


def _place(
    rows: Rows, first: int, end: int, share: float, size: int, whole: Callable[[Path], bool] | None
) -> Place:
    """The place at a share of the rows from one to another, which have one size."""
    if end - first > 1:
        return first + int(share * (end - first)), 0
    file = text_file(rows, first) if whole else None
    if file is not None and whole is not None and whole(file):
        return first, int(share * size)
    return first + (share >= 0.5), 0


def _size(rows: Rows, index: int) -> int:
    file = text_file(rows, index)
    try:
        if file is not None:
            return file.stat().st_size
        return sum(len(piece) for piece in rows.pieces(index))
    except (CorruptExample, OSError):
        return 0


def text_file(rows: Rows, index: int) -> Path | None:
    """The file that is the whole text of a row, where there is one."""
    while not isinstance(rows, TextFiles):
        if isinstance(rows, Subset):
            index, rows = int(rows.indices[index]), rows.rows
        elif isinstance(rows, Concatenation):
            part = int(np.searchsorted(rows.ends, index, side="right"))
            index -= int(rows.ends[part - 1]) if part else 0
            rows = rows.parts[part]
        elif isinstance(rows, Wrapped):
            rows = rows.rows
        else:
            return None
    return rows.paths[index]


def _is_text(file: Path) -> bool:
    """Whether a whole file can be read: a broken one is one corrupt row, and not cut."""
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as opened:
            while opened.read(PIECE):
                pass
    except (OSError, UnicodeDecodeError):
        return False
    return True


def stretch(file: Path, start: int, stop: int | None) -> Iterator[str]:
    """The text of a file between the safe places at or behind two bytes, in pieces."""
    with file.open("rb") as opened:
        begin = _safe(opened, start)
        end = file.stat().st_size if stop is None else _safe(opened, stop)
        opened.seek(begin)
        decoder = codecs.getincrementaldecoder("utf-8" if begin else "utf-8-sig")()
        while begin < end:
            read = opened.read(min(PIECE, end - begin))
            begin = begin + len(read) if read else end
            yield decoder.decode(read, final=begin == end)


def _safe(opened: BinaryIO, start: int) -> int:
    """The first safe place behind `start`; the end of the file where there is none."""
    if start == 0:
        return 0
    opened.seek(start)
    before = b""
    while read := opened.read(1 << 14):
        found = _SAFE.search(before + read)
        if found:
            return start - len(before) + int(found.end())
        start, before = start + len(read), read[-1:]
    return min(start, opened.seek(0, os.SEEK_END))
