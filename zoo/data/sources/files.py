"""Source `files`: text, json, jsonl, csv, parquet, class folders, metadata.jsonl beside media."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets

from zoo.data.faults import Faults
from zoo.data.rows import Rows, concatenated
from zoo.data.sources.file_rows import ClassFolders, TextFiles, files_digest
from zoo.data.sources.opened import Opened, RenamedRows, check_columns
from zoo.data.sources.table import Table
from zoo.recipe.spec.data import FilesData

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
SUFFIXES = {
    "text": (".txt", ".text", ".md", ".rst", ".py"),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv", ".tsv"),
    "parquet": (".parquet",),
    "class-folders": IMAGES,
}
_METADATA = "metadata.jsonl"
_BUILDERS = {
    "json": "json",
    "jsonl": "json",
    "metadata": "json",
    "csv": "csv",
    "parquet": "parquet",
}


class FilesReader:
    """Opens globs under a folder; a folder that a glob names means what is in it."""

    def __init__(self, data: FilesData, root: Path, labelled: bool, faults: Faults) -> None:
        self.data, self.root, self.labelled, self.faults = data, root, labelled, faults
        self.folder = Path(data.folder).expanduser()

    def read(self, key: str, entry: str) -> Opened | None:
        if not self.folder.is_dir():
            self.faults.add("folder", str(self.folder), "a folder that exists")
            return None
        matches = matching(self.folder, entry)
        if not matches:
            names = sorted(path.name for path in self.folder.iterdir())
            self.faults.add(key, entry, f"what is in {self.folder}:", names)
            return None
        kind, paths = chosen(matches, self.data.format)
        if not paths:
            allowed = "files of a known suffix, or data.format:"
            self.faults.add(key, entry, allowed, [*SUFFIXES, "metadata"])
            return None
        return self._opened(kind, paths, key)

    def _opened(self, kind: str, paths: Sequence[Path], key: str) -> Opened | None:
        if kind == "text":
            return self._renamed(TextFiles(paths), frozenset())
        if kind == "class-folders":
            names = frozenset(path.parent.name for path in paths)
            return self._renamed(ClassFolders(paths), names)
        groups = [[path] for path in paths] if kind == "metadata" else [list(paths)]
        tables = [self._table(kind, group, key) for group in groups]
        opened = [table for table in tables if table is not None]
        if len(opened) < len(tables):
            return None
        values = frozenset[Any]().union(*(part.label_values for part in opened))
        return Opened(concatenated([part.rows for part in opened]), values, opened[0].label_names)

    def _renamed(self, rows: Rows, values: frozenset[Any]) -> Opened | None:
        columns = self.data.columns
        if not check_columns(rows.roles, columns, self.faults):
            return None
        return Opened(RenamedRows(rows, columns) if columns else rows, values)

    def _table(self, kind: str, paths: list[Path], key: str) -> Opened | None:
        """The rows of some files of one kind, as one Arrow table on the disk."""
        try:
            dataset = load_files(kind, paths, self.root)
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            reason = " ".join(str(error.__cause__ or error).split())[:300]
            if "corresponds to no data" in reason:
                reason = "without an example"
            named = ", ".join(map(str, paths[:3]))
            self.faults.add(key, f"{named} ({reason})", f"files that can be read as {kind}")
            return None
        names = frozenset(dataset.column_names)
        columns: dict[Any, str] = {**self.data.columns}
        if len(dataset) and "file_name" in names and "file_name" not in columns.values():
            suffix = Path(dataset[0]["file_name"]).suffix.lower()
            columns["image" if suffix in IMAGES else "audio"] = "file_name"
        content = files_digest(paths)
        table = Table(dataset, paths[0].parent, content, self.root, self.labelled)
        return table.part(columns, self.faults)


def load_files(kind: str, paths: list[Path], root: Path) -> datasets.Dataset:
    """The files as one memory-mapped Arrow table under `root`, built once."""
    # Empty fields and words like NA stay text: one may well be the name of a class.
    words: dict[str, Any] = {"keep_default_na": False} if kind == "csv" else {}
    if kind == "csv" and paths[0].suffix == ".tsv":
        words["sep"] = "\t"
    datasets.disable_progress_bars()
    return datasets.load_dataset(
        _BUILDERS[kind],
        data_files=[str(path) for path in paths],
        split="train",
        cache_dir=str(root / "datasets"),
        **words,
    )


def matching(folder: Path, entry: str) -> list[Path]:
    """What a glob names under the folder, sorted; `train` may also stand for train.csv."""
    if Path(entry).is_absolute():
        return []
    if Path(entry) == Path():  # ".", which glob does not take
        return [folder]
    for pattern in (entry, f"{entry}.*"):
        found = sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))
        if found:
            return found
    return []


def chosen(matches: Sequence[Path], kind: str | None) -> tuple[str, list[Path]]:
    """The format and its files: as `kind` says, else metadata.jsonl, else the commonest suffix.

    With `kind`, files named outright are taken whatever their suffix; in folders the suffix rules.
    """
    named = [path for path in matches if path.is_file()]
    inside = [path for folder in matches if folder.is_dir() for path in sorted(folder.rglob("*"))]
    visible = [path for path in inside if path.is_file() and not path.name.startswith(".")]
    files = list(dict.fromkeys([*named, *visible]))
    metadata = [path for path in files if path.name == _METADATA]
    if kind == "metadata" or (kind is None and metadata):
        return "metadata", metadata
    if kind is None:
        kinds = Counter(known for path in files if (known := kind_of(path)))
        kind = kinds.most_common(1)[0][0] if kinds else ""
        return kind, [path for path in files if kind_of(path) == kind and kind]
    return kind, [path for path in files if path in set(named) or kind_of(path) == kind]


def kind_of(path: Path) -> str:
    """The format that a file's suffix stands for, or nothing."""
    suffix = path.suffix.lower()
    return next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), "")
