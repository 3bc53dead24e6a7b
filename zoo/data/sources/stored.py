"""The columns that a task reads, of many files, as one Arrow table on the disk, built once.

Every role has one type whatever the files say, and each row knows where it comes from.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pyarrow

from zoo.data.audio import Stretch
from zoo.data.cache import cached
from zoo.data.objects import Objects
from zoo.data.reading.manifests import read_with
from zoo.data.rows import digest
from zoo.data.sources.listing.stats import files_digest
from zoo.data.sources.opened import Columns, Wanted, names_of, taken_by
from zoo.data.sources.parquet import parquet_classes, parquet_names, parquet_records
from zoo.data.sources.records import READERS, Record, UnreadableFile
from zoo.data.sources.values import Odd
from zoo.recipe.vocabulary.roles import MEDIA, ROLES, role_of_classes

FILE, PLACE, WHY = "file", "place", "why"
"""Columns beside the roles: the file's number, where in it, and what is wrong with the row."""
_VERSION = 2
_ROWS, _BYTES = 4096, 16 << 20  # of a batch
_TEXT = pyarrow.large_string()
_MEDIA = pyarrow.struct([("bytes", pyarrow.large_binary()), ("path", _TEXT)])
_PART = [("offset", pyarrow.float64()), ("duration", pyarrow.float64())]
_CLIP = pyarrow.struct([*_MEDIA, *_PART, ("channel", pyarrow.int32())])
# What metadata beside media calls its columns.
_FILE_NAMES = {"image": ("file_name",), "audio": ("file_name",), "mask": ("mask_file_name",)}


@dataclass(frozen=True)
class Stored:
    """A table whose columns are roles, and what was found while it was built."""

    name: str
    """Of its folder in the cache: these files, as they lie there now."""
    dataset: datasets.Dataset
    columns: dict[str, str]
    """The column of the files that each role was read from."""
    names: tuple[str, ...]
    """Every column of the files."""
    label_names: tuple[str, ...] | None
    fingerprint: str
    """A digest of what the roles hold, wherever the files lie."""


def stored(
    files: Sequence[tuple[Path, str]], columns: Columns, wanted: Wanted, root: Path
) -> Stored:
    """The roles that `wanted` reads of the files (with a format each), built under `root` once.

    Raises UnreadableFile for a file that is not of its format.
    """
    all_read = (read_with(path) if kind == "kaldi" else [path] for path, kind in files)
    content = files_digest(one for several in all_read for one in several)
    kinds = [kind for _, kind in files]

    def build(folder: Path) -> None:
        _build(folder, files, columns, wanted)

    name = digest("roles", _VERSION, content, kinds, sorted(columns.items()), wanted)
    folder = cached(root, f"roles-{name}", build)
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    classes = found["label_names"]
    return Stored(
        folder.name,
        datasets.Dataset.from_file(str(folder / "rows.arrow")),
        found["columns"],
        tuple(found["names"]),
        None if classes is None else tuple(classes),
        found["fingerprint"],
    )


def _build(
    folder: Path, files: Sequence[tuple[Path, str]], columns: Columns, wanted: Wanted
) -> None:
    """Writes rows.arrow and found.json."""
    sources = _sources(columns, wanted)
    read = frozenset(name for names in sources.values() for name in names)
    together = {role for role, column in columns.items() if not isinstance(column, str)}
    writer = _Writer(folder, sources, wanted, together)
    known: set[tuple[str, ...] | None] = set()
    records_of = {**READERS, "parquet": parquet_records}
    for number, (path, kind) in enumerate(files):
        classes = None
        if kind == "parquet":
            writer.names.update(dict.fromkeys(parquet_names(path)))
            classes = _classes(path, sources.get(role_of_classes(sources) or "", ()))
        writer.begin(number, classes)
        try:
            for record in records_of[kind](path, read):
                classes = record.classes or classes
                writer.add(record)
        except (UnreadableFile, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise  # else what packs it is damaged
            raise UnreadableFile(f"{path} ({error})") from None
        known.add(classes)
    writer.close()
    found = {
        "columns": writer.columns,
        "names": list(writer.names),
        "label_names": known.pop() if len(known) == 1 else None,
        "fingerprint": writer.hash.hexdigest()[:32],
    }
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _sources(columns: Columns, wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """The columns that each role may be read from: the first that a record has, or all of several
    that `columns` names.
    """
    taken = taken_by(columns)
    found: dict[str, tuple[str, ...]] = {}
    for role in wanted.roles:
        own = (role, *_FILE_NAMES.get(ROLES[role].how, ()))
        free = tuple(name for name in own if name not in taken)
        found[role] = names_of(columns[role]) if role in columns else free
    return found


def _classes(path: Path, names: Sequence[str]) -> tuple[str, ...] | None:
    return next((found for name in names if (found := parquet_classes(path, name))), None)


class _Writer:
    """Takes the records of one file after another and writes what the roles read of them."""

    def __init__(
        self,
        folder: Path,
        sources: dict[str, tuple[str, ...]],
        wanted: Wanted,
        together: Collection[str],
    ) -> None:
        self.sources, self.wanted, self.together = sources, wanted, together
        types = {role: _type(role) for role in sources}
        beside = {FILE: pyarrow.int32(), PLACE: pyarrow.string(), WHY: pyarrow.string()}
        self.schema = pyarrow.schema(list({**types, **beside}.items()))
        self.file = pyarrow.OSFile(str(folder / "rows.arrow"), "wb")
        self.stream = pyarrow.ipc.new_stream(self.file, self.schema)
        self.names: dict[str, None] = {}
        self.columns: dict[str, str] = {}
        self.hash = hashlib.sha256(repr(sorted(types)).encode())
        self.rows: list[dict[str, Any]] = []
        self.size = 0

    def begin(self, number: int, classes: Sequence[str] | None) -> None:
        """What comes next is of the file with this number and these names of classes."""
        self.number = number
        self.reading = {role: self.wanted.reading(role, classes) for role in self.sources}

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
            self.columns[role] = column
            try:
                row[role] = _as_stored(role, self.reading[role](value))
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
        batch = pyarrow.RecordBatch.from_pylist(self.rows, schema=self.schema)
        self.hash.update(batch.select(list(self.sources)).serialize())
        self.stream.write_batch(batch)
        self.rows, self.size = [], 0

    def close(self) -> None:
        """Writes what is left."""
        if self.rows:
            self._flush()
        self.stream.close()
        self.file.close()


def _type(role: str) -> pyarrow.DataType:
    if ROLES[role].how == "audio":
        return _CLIP
    return _MEDIA if ROLES[role].how in MEDIA else _TEXT


def _as_stored(role: str, value: Any) -> Any:
    """A value as its column keeps it; see `restored`."""
    how = ROLES[role].how
    if value is None:
        return None
    if isinstance(value, Stretch):
        part = {"offset": value.start, "duration": value.seconds, "channel": value.channel}
        return _as_stored(role, value.source) | part
    if how in MEDIA:
        return {"bytes" if isinstance(value, bytes) else "path": value}
    if isinstance(value, Objects):
        return json.dumps(value.plain())
    as_json = how == "messages" or isinstance(value, tuple)
    return json.dumps(value, default=str) if as_json else str(value)


def _size(value: Any) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return len(value) if isinstance(value, str | bytes) else 0
