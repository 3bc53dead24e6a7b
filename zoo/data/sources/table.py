"""Rows of an Arrow table on the disk; images and audio in it are decoded when asked for."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute

from zoo.data.audio import Stretch, decode_audio
from zoo.data.cache import cached
from zoo.data.image import decode_mask, open_image
from zoo.data.objects import Objects
from zoo.data.reading.lengths import characters, is_list, seconds
from zoo.data.reading.marked import misfit, names_in
from zoo.data.reading.restored import plain, restored
from zoo.data.rows import UNREADABLE, CorruptExample, Row, Rows, digest, pieces_of_text
from zoo.data.sources.opened import Wanted
from zoo.data.sources.stored import Stored
from zoo.data.sources.storing.building import booleans
from zoo.data.sources.storing.mapped import Table
from zoo.data.sources.storing.writer import FILE, PLACE, WHY, column_beside
from zoo.data.sources.values import Odd
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

_MEASURED = [role for role, one in ROLES.items() if one.measured]
Reading = Mapping[str, Callable[[Any], Any]]
"""By role: makes of a raw value what the role reads, None where there is none; raises Odd."""


class TableRows(Rows):
    """Rows of `table`, whose column for each role `columns` names.

    Images and audio are bytes or paths. Lengths are measured once and kept under `root`. `extra`
    has the columns of `table` that are read beside the roles, and `reading` what they hold.
    """

    def __init__(
        self,
        table: Table,
        columns: Mapping[str, str],
        reading: Reading,
        fingerprint: str,
        root: Path,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.extra = dict(extra or {})
        self.table, self.beside = table, frozenset(self.extra)
        self.together = table.select_columns(sorted(set(columns.values())))
        self.single = {role: table.select_columns([name]) for role, name in columns.items()}
        self.columns, self.reading, self.root = dict(columns), reading, root
        self.roles = frozenset(columns)
        self.fingerprint = digest("table", fingerprint, sorted(columns.items()))

    @abstractmethod
    def name(self, index: int) -> str:
        """Where a row stands, as a message says it."""

    @abstractmethod
    def folder(self, index: int) -> Path:
        """Where the relative paths of a row start."""

    def why(self, index: int) -> str | None:
        """What is known to be wrong with a row beside what it lacks."""
        return None

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Row:
        raw = self.together[index]
        row = {role: self._value(index, role, raw[column]) for role, column in self.columns.items()}
        media = [role for role in row if ROLES[role].how in MEDIA]
        row = decoded(row | {role: self._media(index, row[role]) for role in media})
        if odd := misfit(row):
            raise CorruptExample(f"{self.name(index)} ({odd})")
        return row

    def value(self, index: int, role: str) -> Any:
        if ROLES[role].how in ("image", "audio"):
            return self[index][role]
        return self._alone(index, role)

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        yield from pieces_of_text(self._alone(index, role))

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        column = self.table.data.column(self.columns.get(name) or self.extra[name])
        raws = column.slice(begin, end - begin).to_pylist()
        return [self._read(begin + place, name, raw) for place, raw in enumerate(raws)]

    def _read(self, index: int, name: str, raw: Any) -> Any:
        """A raw value as its role reads it, media undecoded; see `between`."""
        try:
            value = self.reading[name](raw)
        except Odd:
            return UNREADABLE
        if value is None:
            return UNREADABLE if self.why(index) else None
        media = name in self.columns and ROLES[name].how in MEDIA
        return self._media(index, value) if media else value

    def unreadable(self) -> dict[int, str]:
        masks = {column: self.missing(role) for role, column in sorted(self.columns.items())}
        return {
            int(row): self._lacking(int(row), [column for column in masks if masks[column][row]])
            for row in np.flatnonzero(self._incomplete())
        }

    def _incomplete(self) -> np.ndarray:
        """Which rows have nothing for some role, bool (rows,)."""
        return np.logical_or.reduce([self.missing(role) for role in self.roles])

    def missing(self, role: str) -> np.ndarray:
        """Which rows have nothing for a role, bool (rows,)."""
        column = self.table.data.column(self.columns[role])
        null = pyarrow.compute.is_null(column, nan_is_null=pyarrow.types.is_floating(column.type))
        return np.asarray(null.to_numpy()) & (not ROLES[role].optional)

    def values(self, role: str) -> frozenset[Any]:
        """Every value of a role, or of several in a row, each once; corrupt rows have none."""
        whole = booleans(~self._incomplete())
        column = self.table.data.column(self.columns[role]).filter(whole)
        found: set[Any] = set()
        for raw in _distinct(column):
            try:
                value = self.reading[role](raw)
            except Odd:
                continue
            found |= names_in(value.classes if isinstance(value, Objects) else value)
        return frozenset(found)

    def lengths(self) -> np.ndarray | None:
        if "audio" in self.roles:
            return self._kept("seconds", self._seconds)
        texts = [role for role in _MEASURED if role in self.roles]
        return self._kept("characters", partial(self._characters, texts)) if texts else None

    def _kept(self, name: str, measure: Callable[[], np.ndarray]) -> np.ndarray:
        """What `measure` gives, measured once and kept under the cache."""

        def build(folder: Path) -> None:
            np.save(folder / "lengths.npy", measure().astype(np.float32))

        folder = cached(self.root, digest(name, 2, self.fingerprint), build)
        lengths: np.ndarray = np.load(folder / "lengths.npy")
        return lengths.astype(np.float64)

    def _seconds(self) -> np.ndarray:
        column = self.table.data.column(self.columns["audio"])
        return seconds(column, self._clip)

    def _clip(self, index: int) -> Any:
        return self._media(index, self._alone(index, "audio"))

    def _characters(self, roles: Sequence[str]) -> np.ndarray:
        columns = [self.table.data.column(self.columns[role]) for role in roles]
        return np.sum([characters(column) for column in columns], axis=0)

    def _value(self, index: int, role: str, raw: Any) -> Any:
        column = self.columns[role]
        try:
            value = self.reading[role](raw)
        except Odd as odd:
            raise CorruptExample(f"{self.name(index)} ({column}: {odd})") from None
        if value is None and not ROLES[role].optional:
            raise CorruptExample(self._lacking(index, [column]))
        return value

    def _lacking(self, index: int, columns: Sequence[str]) -> str:
        return f"{self.name(index)} ({self.why(index) or 'no ' + ', '.join(columns)})"

    def _alone(self, index: int, role: str) -> Any:
        """What a role reads of a row, without the rest of it."""
        return self._value(index, role, self.single[role][index][self.columns[role]])

    def _media(self, index: int, value: Any) -> Any:
        """Bytes as they are, and a path from where the paths of its row start."""
        if isinstance(value, Stretch):
            return value._replace(source=self._media(index, value.source))
        if isinstance(value, bytes):
            return value
        try:
            return self.folder(index) / Path(value).expanduser()
        except RuntimeError:  # the home of nobody
            return self.folder(index) / value


def decoded(row: Row) -> Row:
    """A row whose images and clips are bytes or files, as what is in them; CorruptExample."""
    done = dict(row)
    if "image" in row:
        done["image"] = open_image(row["image"])
    if "mask" in row:
        done["mask"] = decode_mask(row["mask"])
    if "audio" in row:
        done["audio"], done["sampling_rate"] = decode_audio(row["audio"])
    return done


class StoredRows(TableRows):
    """Rows of files, as `stored` keeps them; relative paths start where their own file lies."""

    def __init__(
        self, table: Stored, roles: Sequence[str], files: Sequence[Path], wanted: Wanted, root: Path
    ) -> None:
        beside = [name for name in wanted.beside if name in table.names]
        super().__init__(
            table.rows,
            {role: role for role in roles},
            {role: restored(role, wanted) for role in roles} | dict.fromkeys(beside, plain),
            table.fingerprint,
            root / table.name,
            {name: column_beside(name) for name in beside},
        )
        self.files, self.origins = files, table.rows.select_columns([FILE, PLACE, WHY])

    def name(self, index: int) -> str:
        origin = self.origins[index]
        return f"{self.files[origin[FILE]]} {origin[PLACE]}"

    def folder(self, index: int) -> Path:
        return self.files[self.origins[index][FILE]].parent

    def why(self, index: int) -> str | None:
        found: str | None = self.origins[index][WHY]
        return found


def _distinct(column: pyarrow.ChunkedArray) -> Iterator[Any]:
    """The values of a column, most of them once; the elements of lists as lists of one."""
    kind = column.type
    if is_list(kind) and not pyarrow.types.is_nested(kind.value_type):
        flat = pyarrow.compute.list_flatten(column)
        yield from ([raw] for raw in flat.unique().to_pylist())
    elif pyarrow.types.is_nested(kind):
        yield from (raw for chunk in column.chunks for raw in chunk.to_pylist())
    else:
        yield from column.unique().to_pylist()
