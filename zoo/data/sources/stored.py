"""The columns that a task reads, of many files, as one Arrow table on the disk, built once.

Every role has one type whatever the files say, and each row knows where it comes from.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path

import pyarrow

from zoo.data.cache import cached
from zoo.data.preparing.crew import crew
from zoo.data.preparing.pool import worked
from zoo.data.preparing.telling import told
from zoo.data.reading.manifests import read_with
from zoo.data.rows import digest
from zoo.data.sources.listing.stats import files_digest
from zoo.data.sources.opened import Columns, Wanted, names_of, taken_by
from zoo.data.sources.storing.cuts import Piece, Uncut, pieces_of
from zoo.data.sources.storing.making import Making, Part, made
from zoo.data.sources.storing.mapped import Mapped
from zoo.data.sources.storing.writer import column_beside
from zoo.recipe.vocabulary.roles import ROLES

_FEW = 2  # pieces, which this process reads alone
_VERSION = 3
# What metadata beside media calls its columns.
_FILE_NAMES = {"image": ("file_name",), "audio": ("file_name",), "mask": ("mask_file_name",)}


@dataclass(frozen=True)
class Stored:
    """A table whose columns are roles, and what was found while it was built."""

    name: str
    """Of its folder in the cache: these files, as they lie there now."""
    rows: Mapped
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

    beside = [wanted.beside] if wanted.beside else []
    name = digest("roles", _VERSION, content, kinds, sorted(columns.items()), wanted, *beside)
    folder = cached(root, f"roles-{name}", build, whole=False)
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    classes = found["label_names"]
    return Stored(
        folder.name,
        Mapped(folder / "rows.arrow"),
        found["columns"],
        tuple(found["names"]),
        None if classes is None else tuple(classes),
        found["fingerprint"],
    )


def _build(
    folder: Path, files: Sequence[tuple[Path, str]], columns: Columns, wanted: Wanted
) -> None:
    """Writes rows.arrow and found.json; goes on with the parts that are there."""
    together = frozenset(role for role, column in columns.items() if not isinstance(column, str))
    making = Making(folder, _sources(columns, wanted), wanted, together)
    parts = _parts(making, files)
    _join(folder, parts)
    known = {None if one is None else tuple(one) for part in parts for one in part.classes}
    told = "".join(part.sha256 for part in parts)
    found = {
        "columns": {role: name for part in parts for role, name in part.columns.items()},
        "names": list(dict.fromkeys(name for part in parts for name in part.names)),
        "label_names": known.pop() if len(known) == 1 else None,
        "fingerprint": (told if len(parts) == 1 else sha256(told.encode()).hexdigest())[:32],
    }
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _parts(making: Making, files: Sequence[tuple[Path, str]]) -> list[Part]:
    """The parts of all records, in order."""
    uncut: set[int] = set()
    while True:
        try:
            return _made(making, files, uncut)
        except Uncut as error:
            uncut.add(error.args[0])


def _made(making: Making, files: Sequence[tuple[Path, str]], uncut: set[int]) -> list[Part]:
    """The same; raises Uncut of a file that is not among the `uncut` and cannot be cut."""
    names: list[str] = []
    there: dict[str, Part] = {}

    def missing() -> Iterator[Piece]:
        for piece in pieces_of(files, uncut):
            names.append(piece.name)
            if (part := made(making.folder, piece.name)) is None:
                yield piece
            else:
                there[part.name] = part
                tell(part.size)

    with told("reading records", sum(path.stat().st_size for path, _ in files), 0) as tell:
        for part in _worked(making, missing()):
            there[part.name] = part
            tell(part.size)
    return [there[name] for name in names]


def _worked(making: Making, pieces: Iterator[Piece]) -> Iterable[Part]:
    """The parts of the pieces, by several processes where there are more than a few."""
    first = list(islice(pieces, _FEW + 1))
    todo = chain(first, pieces)
    if len(first) <= _FEW or crew().size < 2:
        return map(making, todo)
    return worked(making, ((piece,) for piece in todo), crew().size)


def _join(folder: Path, parts: Sequence[Part]) -> None:
    """Makes one file of the parts, each of which goes when it is in there: one that a kill leaves
    without its part is made anew.
    """
    whole = folder / "rows.arrow"
    first, *others = [folder / f"{part.name}.arrow" for part in parts]
    if not others:
        first.replace(whole)
    else:
        with pyarrow.memory_map(str(first)) as opened:
            schema = pyarrow.ipc.open_stream(opened).schema
        with pyarrow.OSFile(str(whole), "wb") as file, pyarrow.ipc.new_stream(file, schema) as out:
            for one in (first, *others):
                with pyarrow.memory_map(str(one)) as opened:
                    for batch in pyarrow.ipc.open_stream(opened):
                        out.write_batch(batch)
                one.unlink()
    for path in folder.iterdir():
        if path != whole:
            path.unlink()


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
    return found | {column_beside(name): (name,) for name in wanted.beside}
