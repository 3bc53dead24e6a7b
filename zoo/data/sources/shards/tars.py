"""WebDataset's tars: where each member of each row lies, and a row's members by one read each.

A row is the members in a row that share a name up to its first dot; what follows is the column
(https://github.com/webdataset/webdataset, "The WebDataset Format").
"""

import json
import os
import re
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.rows import CorruptExample
from zoo.data.sources.records import UnreadableFile

_BLOCK = 512  # bytes, of tar
_FILE, _HARMLESS = b"0\0", b"5"  # types of members: a file, a folder
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)")
_FIELDS = "json"  # the column whose fields are columns, too
_WORDS = ("cls", "cls2", "index", "id")  # columns of one word


def indexed(path: Path) -> tuple[list[str], np.ndarray]:
    """(columns, extents) of a tar; extents are uint64 (rows, columns, 2): where each member begins
    and how many bytes it has; 0 and 0 where a row lacks it. Raises UnreadableFile.
    """
    columns: dict[str, int] = {}
    rows: list[dict[int, tuple[int, int]]] = []
    last = None
    try:
        for name, offset, size in _members(path):
            found = _NAME.fullmatch(name)
            if found is None:
                continue
            key, column = found[1], columns.setdefault(found[2].lower(), len(columns))
            if key != last:
                rows.append({})
                last = key
            if column in rows[-1]:
                raise UnreadableFile(f"{name} stands in it twice")
            rows[-1][column] = (offset, size)
    except FileNotFoundError:
        raise
    except (OSError, tarfile.TarError, ValueError) as error:
        raise UnreadableFile(f"no whole tar: {error}") from None
    extents = np.zeros((len(rows), max(1, len(columns)), 2), dtype=np.uint64)
    for number, row in enumerate(rows):
        for column, extent in row.items():
            extents[number, column] = extent
    return list(columns), extents


def _members(path: Path) -> Iterator[tuple[str, int, int]]:
    """(name, offset, size) of every file in a tar, by its headers alone."""
    found: list[tuple[str, int, int]] = []
    with path.open("rb") as file:
        for kind, head, offset, size in _walk(file):
            if kind in _FILE:
                found.append((_name(head), offset, size))
            elif kind not in _HARMLESS:
                break  # a long name, PAX's fields: what takes more than one header
        else:
            yield from found
            return
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            if member.isfile():
                yield member.name, member.offset_data, member.size


def _name(head: bytes) -> str:
    """The name that a header has room for."""
    name, prefix = head[:100].rstrip(b"\0"), head[345:500].rstrip(b"\0")
    if prefix and head[257:263] == b"ustar\0":
        name = prefix + b"/" + name
    return name.decode("utf-8", "surrogateescape")


def _walk(file: Any) -> Iterator[tuple[bytes, bytes, int, int]]:
    """(type, header, offset, size) of every header; raises ValueError for a tar that is cut."""
    end = os.fstat(file.fileno()).st_size
    offset = 0
    while offset < end:
        file.seek(offset)
        head = file.read(_BLOCK)
        if not head.strip(b"\0"):
            if len(head) == _BLOCK:
                return
            break
        if len(head) < _BLOCK or not _sums(head):
            raise ValueError(f"no header at byte {offset}")
        size = _number(head[124:136])
        if offset + _BLOCK + size > end:
            raise ValueError(f"cut at byte {end}, within a member")
        yield head[156:157], head, offset + _BLOCK, size
        offset += _BLOCK + -(-size // _BLOCK) * _BLOCK
    raise ValueError(f"cut at byte {end}, without the blocks that end it")


def _sums(head: bytes) -> bool:
    """Whether a header's sum is right; its own eight bytes count as blanks."""
    said = head[148:156].strip(b" \0")
    return bool(said) and sum(head) - sum(head[148:156]) + 8 * 32 == int(said, 8)


def _number(field: bytes) -> int:
    """A number in octal, or in base 256 where it is large."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.rstrip(b" \0") or b"0", 8)


class OpenTar:
    """The rows of one tar; its file stays open."""

    def __init__(self, path: Path, columns: list[str], extents: np.ndarray) -> None:
        self.columns, self.extents = columns, extents
        self.file = path.open("rb", buffering=0)
        self.size = os.fstat(self.file.fileno()).st_size

    def __len__(self) -> int:
        return len(self.extents)

    @property
    def gone(self) -> bool:
        """Whether the file has been removed meanwhile."""
        return os.fstat(self.file.fileno()).st_nlink == 0

    def raw(self, row: int, names: Collection[str]) -> dict[str, Any]:
        """The named columns that the row has: bytes, or what a field of its JSON holds.

        Raises CorruptExample for JSON that is none.
        """
        own = [name for name in names if name in self.columns]
        found: dict[str, Any] = {name: self._member(row, name) for name in own}
        fields = [name for name in names if name not in self.columns]
        if fields and _FIELDS in self.columns:
            document = self._document(row)
            found |= {name: document[name] for name in fields if name in document}
        for name in found.keys() & _WORDS:
            value = found[name]
            found[name] = value.strip() if isinstance(value, bytes) else value
        return {name: value for name, value in found.items() if value is not None}

    def names(self) -> tuple[str, ...]:
        """Every column, and the fields of the first row's JSON."""
        fields = self._document(0) if _FIELDS in self.columns and len(self) else {}
        return tuple(dict.fromkeys([*self.columns, *fields]))

    def place(self, row: int) -> str:
        """What the row is called in the tar."""
        starts = self.extents[row, :, 0]
        head = os.pread(self.file.fileno(), 100, int(starts[starts > 0].min()) - _BLOCK)
        name = head.rstrip(b"\0").decode("utf-8", "replace")  # of a long name its beginning
        found = _NAME.fullmatch(name)
        return found[1] if found else name

    def close(self) -> None:
        """Lets go of the file."""
        self.file.close()

    def _document(self, row: int) -> dict[str, Any]:
        content = self._member(row, _FIELDS)
        try:
            found = json.loads(content or b"{}")
        except ValueError as error:
            raise CorruptExample(f"{self.place(row)}.json ({error})") from None
        return found if isinstance(found, dict) else {}

    def _member(self, row: int, name: str) -> bytes | None:
        """A member's bytes; None where the row lacks it."""
        offset, size = self.extents[row, self.columns.index(name)].tolist()
        return os.pread(self.file.fileno(), size, offset) if offset else None
