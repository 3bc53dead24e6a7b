"""Records as rows of one Arrow stream, whose columns are roles."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from zoo.data.audio import Stretch
from zoo.data.objects import Objects
from zoo.data.sources.opened import Wanted
from zoo.data.sources.records import Record
from zoo.data.sources.storing.building import batch_of
from zoo.data.sources.values import Odd
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

FILE, PLACE, WHY = "file", "place", "why"
"""Columns beside the roles: the file's number, where in it, and what is wrong with the row."""
_ROWS, _BYTES = 4096, 16 << 20  # of a batch
_TEXT = pyarrow.large_string()
_MEDIA = pyarrow.struct([("bytes", pyarrow.large_binary()), ("path", _TEXT)])
_PART = [("offset", pyarrow.float64()), ("duration", pyarrow.float64())]
_CLIP = pyarrow.struct([*_MEDIA, *_PART, ("channel", pyarrow.int32())])


class Writer:
    """Takes the records of one file after another and writes what the roles read of them."""

    def __init__(
        self,
        file: Path,
        sources: Mapping[str, tuple[str, ...]],
        wanted: Wanted,
        together: Collection[str],
    ) -> None:
        self.sources, self.wanted, self.together = sources, wanted, together
        types = {role: _type(role) for role in sources}
        beside = {FILE: pyarrow.int32(), PLACE: pyarrow.string(), WHY: pyarrow.string()}
        self.schema = pyarrow.schema(list({**types, **beside}.items()))
        self.file = pyarrow.OSFile(str(file), "wb")
        self.stream = pyarrow.ipc.new_stream(self.file, self.schema)
        self.names: dict[str, None] = {}
        self.columns: dict[str, str] = {}
        self.hash = hashlib.sha256(repr(sorted(types)).encode())
        self.rows: list[dict[str, Any]] = []
        self.size = 0

    def begin(self, number: int, classes: Sequence[str] | None) -> None:
        """What comes next is of the file with this number and these names of classes."""
        self.number = number
        roles = [role for role in self.sources if role in ROLES]
        self.reading = {role: self.wanted.reading(role, classes) for role in roles}

    def add(self, record: Record) -> None:
        """Takes one record; what a role does not read is noted in its place."""
        if not record.values.keys() <= self.names.keys():
            self.names.update(dict.fromkeys(record.values))
        row = {FILE: self.number, PLACE: record.place}
        odd = [record.fault] if record.fault else []
        for role, names in self.sources.items():
            column, value = self._found(role, names, record.values)
            if column is None:
                continue
            if role in self.reading:
                self.columns[role] = column
            try:
                read = self.reading[role](value) if role in self.reading else value
                row[role] = _as_stored(role, read)
            except Odd as error:
                odd.append(f"{column}: {error}")
            self.size += _size(row.get(role))
        self.rows.append({**row, WHY: "; ".join(odd) or None})
        if len(self.rows) >= _ROWS or self.size >= _BYTES:
            self._flush()

    def _found(
        self, role: str, names: Sequence[str], values: Mapping[str, Any]
    ) -> tuple[str | None, Any]:
        """The column of a record that a role is read from, and what it holds."""
        here = [name for name in names if name in values]
        if role in self.together:
            whole = {name: values.get(name) for name in names}
            return (", ".join(names), whole) if here else (None, None)
        return (here[0], values[here[0]]) if here else (None, None)

    def _flush(self) -> None:
        batch = batch_of(self.rows, self.schema)
        self.hash.update(batch.select(list(self.sources)).serialize())
        self.stream.write_batch(batch)
        self.rows, self.size = [], 0

    def close(self) -> None:
        """Writes what is left."""
        if self.rows:
            self._flush()
        self.stream.close()
        self.file.close()


def column_beside(name: str) -> str:
    """The column of the stream that keeps one of the files' that is no role, as JSON."""
    return f"beside {name}"


def _type(role: str) -> pyarrow.DataType:
    if role not in ROLES:
        return _TEXT
    if ROLES[role].how == "audio":
        return _CLIP
    return _MEDIA if ROLES[role].how in MEDIA else _TEXT


def _as_stored(role: str, value: Any) -> Any:
    """A value as its column keeps it; see `restored`."""
    if value is None:
        return None
    if role not in ROLES:
        return json.dumps(value, default=str)
    how = ROLES[role].how
    if isinstance(value, Stretch):
        part = {"offset": value.start, "duration": value.seconds, "channel": value.channel}
        return _as_stored(role, value.source) | part
    if how in MEDIA:
        return {"bytes" if isinstance(value, bytes) else "path": value}
    if isinstance(value, Objects):
        return json.dumps(value.plain())
    as_json = how == "messages" or isinstance(value, list | tuple)
    return json.dumps(value, default=str) if as_json else str(value)


def _size(value: Any) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, dict):
        value = value.get("bytes")
    return len(value) if value else 0
