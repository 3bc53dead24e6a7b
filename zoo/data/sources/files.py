"""Source `files`: shards, tables, texts, class folders, metadata beside media."""

from pathlib import Path

import numpy as np

from zoo.data.faults import Faults
from zoo.data.reading.megatron import megatron
from zoo.data.rows import Rows
from zoo.data.sources.columns import roles_to_read
from zoo.data.sources.file_rows import ClassFolders, MaskedImages, TextFiles
from zoo.data.sources.finding import SUFFIXES, found, masked, read_as
from zoo.data.sources.listing.kept import Found
from zoo.data.sources.listing.meant import file_meant, folder_meant, format_meant, place_meant
from zoo.data.sources.opened import Opened, RenamedRows, Wanted, check_columns
from zoo.data.sources.records import UnreadableFile
from zoo.data.sources.shards.reader import ShardReader
from zoo.data.sources.shards.shard import KINDS, kind_of
from zoo.data.sources.stored import Stored, stored
from zoo.data.sources.table import StoredRows
from zoo.errors import near
from zoo.recipe.compose.catalog import shown
from zoo.recipe.instead import built_in_data, instead
from zoo.recipe.spec.data import FilesData
from zoo.recipe.spec.words import is_url
from zoo.recipe.vocabulary.roles import role_of_classes


class FilesReader:
    """Opens globs under a folder; a folder that a glob names means what is in it."""

    def __init__(self, data: FilesData, root: Path, faults: Faults) -> None:
        self.data, self.root, self.faults = data, root, faults
        self.folder = Path(data.folder).expanduser()
        self.shards = ShardReader(data, root, faults)

    def read(self, key: str, entry: str, wanted: Wanted) -> Opened | None:
        if is_url(self.data.folder):
            return self.shards.read(key, entry, wanted)
        if not self.folder.is_dir():
            self._say_no_folder()
            return None
        if is_url(entry):
            self._say_url(key, entry)
            return None
        if self.data.streaming or (self.data.format in KINDS and self.data.format != "parquet"):
            return self.shards.read(key, entry, wanted)
        if self.data.format == "megatron":
            return megatron(self.folder, key, entry, self.faults)
        try:
            files = found(self.folder, entry, self.data.format, self.root)
        except OSError as error:
            self.faults.add(key, f"{entry} ({error})", "files that can be read", way=self._other())
            return None
        if files is None:
            self._say_none(key, entry)
        elif files.rivals:
            way = self._as(files.rivals[0])
            self.faults.add(key, entry, "one of its formats by data.format:", files.rivals, way=way)
        elif not files.files:
            allowed = "files of a known suffix, or data.format:"
            way = self._as(format_meant(self.folder / entry)) or self._other()
            self.faults.add(key, entry, allowed, [*SUFFIXES, "kaldi", "metadata"], way=way)
        elif files.kind in KINDS and files.kind != "parquet":
            return self.shards.read(key, entry, wanted)
        elif files.kind == "text":
            return self._renamed(TextFiles(files.files), frozenset())
        elif files.kind == "class-folders" and "mask" in wanted.roles:
            return self._masked(files, key, entry)
        elif files.kind == "class-folders":
            rows = ClassFolders(files.files, files.classes)
            return self._renamed(rows, frozenset(rows.labels.named))
        else:
            return self._table(files, key, entry, wanted)
        return None

    def _say_no_folder(self) -> None:
        """Says what the recipe says of where its data comes from, and the folder that has it."""
        about = self.faults.recipe.description
        said = f"; the recipe is of: {about}" if about else ""
        word = f"{self.faults.at}.folder=PATH"
        allowed = f"a folder that exists; say where the data lies with {word}{said}"
        train = self.data.train
        meant = folder_meant(self.folder, (train,) if isinstance(train, str) else train)
        way = self._word("folder", shown(meant)) if meant else self._other()
        self.faults.add("folder", str(self.folder), allowed, way=way)

    def _say_none(self, key: str, entry: str) -> None:
        """Says what there is in the place of what an entry names."""
        names = sorted(path.name for path in self.folder.iterdir())
        listed = [name for name in names if not name.startswith(".")]
        meant = near(entry, listed) or file_meant(self.folder)
        way = self._word(key, meant) if meant else self._other()
        self.faults.add(key, entry, f"what is in {self.folder}:", listed, way=way)

    def _say_url(self, key: str, entry: str) -> None:
        """Says how shards of a server are named; no other files are read from there."""
        folder, name = place_meant(entry)
        suffixes = ", ".join(suffix for ones in KINDS.values() for suffix in ones)
        allowed = f"files of {self.folder}; shards ({suffixes}) by {self.faults.at}.folder=URL"
        way = f"{self._word('folder', folder)} {self._word(key, name)}"
        if not kind_of(name):
            only = file_meant(self.folder)
            way = self._word(key, only) if only else self._other()
        self.faults.add(key, f"{entry}, which is a URL", allowed, way=way)

    def _word(self, key: str, value: str) -> str:
        return instead(self.faults.recipe, f"{self.faults.at}.{key}", value)

    def _as(self, kind: str) -> str:
        return self._word("format", kind) if kind else ""

    def _other(self) -> str:
        """Data that serve until these can be read."""
        return built_in_data(self.faults.recipe)

    def _renamed(self, rows: Rows, values: frozenset[str]) -> Opened | None:
        columns = self.data.columns
        if not check_columns(rows.roles, columns, self.faults):
            return None
        return Opened(RenamedRows(rows, columns) if columns else rows, values)

    def _masked(self, files: Found, key: str, entry: str) -> Opened | None:
        """Images with the masks beside them."""
        pairs = masked(files.files)
        if pairs is None:
            allowed = "images below a folder images, and masks of their names below masks"
            found = f"{entry} (images without masks)"
            self.faults.add(key, found, f"{allowed} or annotations", way=self._other())
            return None
        return self._renamed(MaskedImages(*pairs), frozenset())

    def _table(self, files: Found, key: str, entry: str, wanted: Wanted) -> Opened | None:
        """The rows of files of records, as one Arrow table on the disk."""
        kinds = [(path, read_as(path, files.kind)) for path in files.files]
        allowed = f"files that can be read as {files.kind}"
        try:
            table = stored(kinds, self.data.columns, wanted, self.root)
        except (UnreadableFile, OSError) as error:
            self.faults.add(key, str(error), allowed, way=self._other())
            return None
        named = ", ".join(map(str, files.files[:3]))
        if not len(table.rows):
            found = f"{named} (without an example)"
            self.faults.add(key, found, "at least one example", way=self._other())
            return None
        if not table.names:
            rows = StoredRows(table, (), files.files, wanted, self.root)
            found = f"{rows.name(0)} ({rows.why(0)})"
            self.faults.add(key, found, allowed, way=self._other())
            return None
        if not check_columns(frozenset(table.names), self.data.columns, self.faults, True):
            return None
        return self._part(table, files, entry, wanted)

    def _part(self, table: Stored, files: Found, entry: str, wanted: Wanted) -> Opened | None:
        every = StoredRows(table, tuple(table.columns), files.files, wanted, self.root)
        odd = {role: _reason(every, role) for role in every.roles if every.missing(role).all()}
        roles = roles_to_read(table.columns, odd, table.names, entry, wanted, self.faults)
        if roles is None:
            return None
        rows = StoredRows(table, roles, files.files, wanted, self.root)
        role = role_of_classes(roles)
        if role is None or not wanted.classes:
            return Opened(rows, names=table.names)
        column = self.data.columns.get(role, role)
        classes = table.label_names if isinstance(column, str) else column
        return Opened(rows, rows.values(role), classes, table.names)


def _reason(rows: StoredRows, role: str) -> str:
    """Why no row has anything for a role, as the first of them says it."""
    first = int(np.flatnonzero(rows.missing(role))[0])
    return f"{rows.name(first)}: {rows.why(first) or 'nothing'}, and so in every row"
