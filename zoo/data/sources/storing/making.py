"""The records of one piece made into a file of its own, beside, then renamed."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from zoo.data.sources.opened import Wanted
from zoo.data.sources.parquet import parquet_classes, parquet_names
from zoo.data.sources.records import UnreadableFile
from zoo.data.sources.storing.cuts import Piece, Stretch
from zoo.data.sources.storing.writer import Writer
from zoo.recipe.vocabulary.roles import role_of_classes


@dataclass(frozen=True)
class Part:
    """A piece whose rows lie in `name`.arrow, and what was found in it."""

    name: str
    names: Sequence[str]
    """Every column of its files."""
    columns: Mapping[str, str]
    """The column that each role was read from."""
    classes: Sequence[Sequence[str] | None]
    """The class names of each of its files, None for one without."""
    sha256: str
    """Of what the roles hold."""
    size: int
    """Of its piece."""


@dataclass(frozen=True)
class Making:
    """All that a process needs to read pieces of one set."""

    folder: Path
    sources: Mapping[str, tuple[str, ...]]
    """The columns that each role may be read from."""
    wanted: Wanted
    together: frozenset[str]
    """Roles that are read from several columns at once."""

    def __call__(self, piece: Piece) -> Part:
        """Writes a part, whose .json comes last; raises UnreadableFile, Uncut and OSError."""
        beside = self.folder / f"{piece.name}.{socket.gethostname()}.{os.getpid()}.part"
        writer = Writer(beside, self.sources, self.wanted, self.together)
        read = frozenset(name for names in self.sources.values() for name in names)
        classes = [self._read(writer, stretch, read) for stretch in piece.stretches]
        writer.close()
        names, found = tuple(writer.names), writer.hash.hexdigest()
        part = Part(piece.name, names, writer.columns, classes, found, piece.size)
        beside.replace(self.folder / f"{piece.name}.arrow")
        beside.write_text(json.dumps(asdict(part)), encoding="utf-8")
        beside.replace(self.folder / f"{piece.name}.json")
        return part

    def _read(
        self, writer: Writer, stretch: Stretch, read: frozenset[str]
    ) -> tuple[str, ...] | None:
        """Writes the records of a stretch; returns the class names of its file."""
        classes, path = None, stretch.path
        if stretch.kind == "parquet":
            writer.names.update(dict.fromkeys(parquet_names(path)))
            columns = self.sources.get(role_of_classes(self.sources) or "", ())
            found = (parquet_classes(path, name) for name in columns)
            classes = next((names for names in found if names), None)
        writer.begin(stretch.number, classes)
        try:
            for record in stretch.records(read):
                classes = record.classes or classes
                writer.add(record)
        except (UnreadableFile, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise  # else what packs it is damaged
            raise UnreadableFile(f"{path} ({error})") from None
        return classes


def made(folder: Path, name: str) -> Part | None:
    """The part of that name that is whole; None where it is not there."""
    if not (folder / f"{name}.arrow").is_file():
        return None
    try:
        return Part(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
