"""The columns of a user's table as a look at its first rows shows them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from zoo.data.sources.records import READERS, UnreadableFile
from zoo.data.sources.values import Written
from zoo.drafting.places import Places, fault

Row = Mapping[str, Any]
LOOKED_AT = 20_000
"""Rows of a table that are read to tell what it is."""
_CHARACTERS = 64 << 20  # of them all: rows may be books
_ASKED = 200  # values whose files are looked for, or that are taken apart


@dataclass(frozen=True)
class Column:
    """The values of a column in the rows that were looked at; None where there is none."""

    name: str
    values: Sequence[Any]
    folder: Path
    """Where relative paths in it start."""

    @cached_property
    def filled(self) -> list[Any]:
        """The values that are there."""
        return [value for value in self.values if value is not None and value != ""]

    @cached_property
    def texts(self) -> list[str]:
        """Those that are text, numbers as they are written."""
        return [str(one) for one in self.filled if isinstance(one, str | int | float)]

    @cached_property
    def numbers(self) -> list[float] | None:
        """All of them as numbers; None where one is none, or is true or false."""
        if not self.filled or len(self.texts) < len(self.filled):
            return None
        if any(isinstance(one, bool) for one in self.filled):
            return None
        try:
            return [float(one) for one in self.texts]
        except ValueError:
            return None

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return len({spelled(one) for one in self.filled})

    @cached_property
    def parsed(self) -> list[Any]:
        """The first values, of a text that holds JSON what it holds."""
        return [opened(one) for one in self.filled[:_ASKED]]

    @property
    def lists(self) -> bool:
        """Whether its values are lists."""
        return bool(self.parsed) and all(isinstance(one, list) for one in self.parsed)

    @property
    def objects(self) -> bool:
        """Whether its values are objects, or lists of them."""
        inner = [part for one in self.parsed for part in (one if isinstance(one, list) else [one])]
        return bool(inner) and all(isinstance(part, Mapping) for part in inner)

    @property
    def flags(self) -> bool:
        """Whether its values are 0 and 1, or true and false."""
        return {spelled(one).lower() for one in self.filled} <= {"0", "1", "true", "false"}

    @property
    def words(self) -> float:
        """Words of a value, on average."""
        texts = self.texts[:_ASKED]
        return sum(len(text.split()) for text in texts) / max(len(texts), 1)

    def has_keys(self, *keys: str) -> bool:
        """Whether its objects, or those of its lists, have one of these keys."""
        inner = [part for one in self.parsed for part in (one if isinstance(one, list) else [one])]
        return bool(inner) and any(
            isinstance(part, Mapping) and bool(part.keys() & set(keys)) for part in inner
        )

    def media(self, suffixes: Sequence[str]) -> bool:
        """Whether its values are such files that are there, or bytes."""
        if any(isinstance(one, Mapping) and one.keys() & {"bytes", "path"} for one in self.parsed):
            return any(_of_kind(one, suffixes) for one in self.parsed if isinstance(one, Mapping))
        texts = [one for one in self.filled[:_ASKED] if isinstance(one, str)]
        named = [one for one in texts if one.lower().endswith(tuple(suffixes))]
        return bool(named) and len(named) == len(self.filled[:_ASKED])


def _of_kind(value: Mapping[str, Any], suffixes: Sequence[str]) -> bool:
    """Whether an object of bytes or a path is of such files, as far as it tells."""
    path, content = value.get("path"), value.get("bytes")
    if isinstance(path, str) and "." in path:
        return path.lower().endswith(tuple(suffixes))
    heard = isinstance(content, bytes) and content[:4] in (b"RIFF", b"fLaC", b"OggS", b"ID3\x03")
    return isinstance(content, bytes) and heard == (".wav" in suffixes)


def spelled(value: Any) -> str:
    """A value as text; the same for equal values."""
    plain = isinstance(value, str | int | float)
    return str(value) if plain else json.dumps(value, sort_keys=True, default=str)


def opened(value: Any) -> Any:
    """What a text of JSON holds; other values as they are."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def first_records(path: Path, kind: str, count: int) -> list[dict[str, Any]]:
    """The first rows of a table that can be read; raises ConfigError for a file that is none."""
    if kind == "parquet":
        from zoo.data.sources.parquet import parquet_names, parquet_records

        records = parquet_records(path, frozenset(parquet_names(path)))
    else:
        records = READERS[kind](path, frozenset())
    rows: list[dict[str, Any]] = []
    room = _CHARACTERS
    try:
        for record in islice(records, count):
            if not record.fault:
                rows.append(dict(record.values))
                room -= sum(len(one) for one in record.values.values() if isinstance(one, str))
            if room < 0:
                break
    except (UnreadableFile, OSError) as error:
        raise fault(f"{path} ({error})", f"a file that can be read as {kind}") from None
    return rows


def columns_of(rows: Sequence[Row], folder: Path) -> dict[str, Column]:
    """The columns of rows by name."""
    names = dict.fromkeys(name for row in rows for name in row if name)
    return {name: Column(name, [row.get(name) for row in rows], folder) for name in names}


def is_text(column: Column) -> bool:
    """Whether a column holds text, and neither numbers nor lists."""
    whole = len(column.texts) == len(column.filled)
    written = any(isinstance(one, Written | int | float) for one in column.filled[:_ASKED])
    return bool(column.filled) and whole and not written and column.numbers is None


def files_of(places: Places, key: str) -> list[Path]:
    """The tables that a set's entries name."""
    found: list[Path] = []
    for entry in places.entries.get(key, ()):
        literal = places.folder / entry
        found += [literal] if literal.exists() else sorted(places.folder.glob(entry))
    return found
