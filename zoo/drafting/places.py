"""Which files a user's data is, and which of them are for training, validation and testing."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zoo.data.reading.packed import open_bytes
from zoo.data.sources.coco import coco_document
from zoo.data.sources.finding import IMAGES, kind_of, mask_folder
from zoo.errors import ConfigError, Fault, near

SPLITS = {
    "train": ("train", "training", "trn"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing", "holdout"),
}
"""The sets of a recipe, and what names of files and folders call them."""
TABLES = ("parquet", "csv", "tsv", "jsonl", "json", "conll", "arrow", "webdataset", "text")
"""Formats of files, the ones that tell more first."""
SOUND = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")
_DEEPEST, _FOLDERS, _FILES = 4, 5000, 300  # that a look goes into, and of each
_LISTED = 8  # files of a set that are named one by one
_LARGEST = 256 << 20  # bytes of a .json that is asked whether it is COCO's


@dataclass(frozen=True)
class Places:
    """Files of one format below a folder: what each set's key of the section `data` names."""

    folder: Path
    kind: str
    entries: dict[str, tuple[str, ...]]
    """By set: names below the folder."""
    left: tuple[str, ...] = field(default=())
    """Files beside them that are not taken."""


def fault(found: str, allowed: str, nearest: str = "") -> ConfigError:
    """What is wrong with the data that was named."""
    return ConfigError([Fault("command line", "--data", found, allowed, nearest)])


def places_of(named: Sequence[Path]) -> Places:
    """The files that were named, a folder as what is in it. Raises ConfigError."""
    for path in named:
        if not path.exists():
            beside = (
                sorted(one.name for one in path.parent.glob("*")) if path.parent.exists() else []
            )
            raise fault(str(path), "a file or folder that is there", near(path.name, beside))
    paths = [path.absolute() for path in named]
    if len(paths) == 1 and paths[0].is_dir():
        return _inside(paths[0])
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    if any(path.is_dir() for path in paths):
        inner = [_inside(path) for path in paths if path.is_dir()]
        names = [str(path.relative_to(folder)) for path in paths]
        return Places(folder, inner[0].kind, _by_set(names))
    kinds = {kind_of(str(path)) for path in paths}
    if "" in kinds or len(kinds) > 1:
        found = ", ".join(path.name for path in paths)
        raise fault(
            found, f"files of one format: {', '.join(TABLES)}, kaldi's wav.scp, or a folder"
        )
    names = [str(path.relative_to(folder)) for path in paths]
    entries: dict[str, tuple[str, ...]] = {"train": (names[0],)}
    entries = _by_set(names) if len(names) > 1 else entries
    return Places(folder, _table_kind(folder, names), entries)


def set_of(name: str) -> str:
    """The set that a name of a file or folder tells: instances_val2017 is valid; else nothing."""
    words = re.findall(r"[a-z]+", name.lower())
    return next((key for word in words for key, own in SPLITS.items() if word in own), "")


def _set_of_path(path: str) -> str:
    """The set that the last part tells of a path that tells one."""
    return next((key for part in reversed(Path(path).parts) if (key := set_of(part))), "")


def _by_set(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Names by the set that they tell; what tells none is for training."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_set_of_path(name) or "train", []).append(name)
    if "train" not in found:
        raise fault(", ".join(map(", ".join, found.values())), "something to train on")
    return {key: _shortened(found[key]) for key in SPLITS if key in found}


def _shortened(names: Sequence[str]) -> tuple[str, ...]:
    """Many names as a glob that names them too."""
    if len(names) <= _LISTED:
        return tuple(names)
    alike = [len(set(letters)) == 1 for letters in zip(*names, strict=False)]
    first = names[0][: [*alike, False].index(False)]
    return (f"{first}*{Path(names[0]).suffix}",)


def _inside(folder: Path) -> Places:
    """What of a folder is data."""
    files = list(_seen(folder))
    tables = {name: kind for name in files if (kind := kind_of(name)) and kind != "class-folders"}
    images = [name for name in files if name.lower().endswith(IMAGES)]
    metadata = [name for name in tables if Path(name).stem == "metadata"]
    for names, kind in (
        (metadata, "metadata"),
        ([name for name, kind in tables.items() if kind == "kaldi"], "kaldi"),
        (
            [name for name, kind in tables.items() if kind == "json" and _coco(folder / name)],
            "coco",
        ),
    ):
        if names:
            return Places(folder, kind, _by_set(names))
    of_records = {name: kind for name, kind in tables.items() if kind != "text"}
    if images and not any(_names_files(folder / name, of_records[name]) for name in of_records):
        return _of_images(folder, images)
    if tables:
        return _of_tables(folder, tables)
    sound = any(name.lower().endswith(SOUND) for name in files)
    beside = "a metadata.jsonl beside the clips that says of each file_name its transcript"
    formats = f"files of a known format: {', '.join(TABLES)}, images in a folder a class"
    raise fault(f"{folder} without such a file", beside if sound else formats)


def _of_tables(folder: Path, tables: dict[str, str]) -> Places:
    """The tables of a folder that tell their sets, else all of its commonest format."""
    about = [name for name in tables if Path(name).stem.lower().startswith(("readme", "licen"))]
    tables = {name: kind for name, kind in tables.items() if name not in about} or tables
    telling = {name: kind for name, kind in tables.items() if _set_of_path(name)}
    rest = telling or tables
    counts = Counter(rest.values())
    kind = max(counts, key=lambda one: (counts[one], -TABLES.index(one)))
    names = [name for name, own in rest.items() if own == kind]
    left = tuple(name for name in tables if name not in names)
    return Places(folder, kind, _by_set(names), left)


def _of_images(folder: Path, images: list[str]) -> Places:
    """Images with masks beside them, or in a folder a class."""
    parents = list(dict.fromkeys(str(Path(name).parent) for name in images))
    pictured = [one for one in parents if mask_folder(folder / one) is not None]
    if pictured:
        return Places(folder, "masks", _by_set(pictured))
    sets: dict[str, list[str]] = {}
    for parent in parents:
        parts = Path(parent).parts
        at = next((n for n, part in enumerate(parts) if _is_set(part)), None)
        if at is not None:
            own = sets.setdefault(set_of(parts[at]), [])
            name = str(Path(*parts[: at + 1]))
            own += [] if name in own else [name]
    if "train" not in sets:
        return Places(folder, "class-folders", {"train": ("*",)})
    entries = {key: tuple(sets[key]) for key in SPLITS if key in sets}
    return Places(folder, "class-folders", entries)


def _is_set(name: str) -> bool:
    """Whether a folder is called as a set is, and not as a class that has such a word in it."""
    return any(name.lower() in own for own in SPLITS.values())


def _table_kind(folder: Path, names: Sequence[str]) -> str:
    first = folder / names[0]
    if first.stem == "metadata":
        return "metadata"
    kind = kind_of(str(first))
    return "coco" if kind == "json" and _coco(first) else kind


def _coco(path: Path) -> bool:
    if path.stat().st_size > _LARGEST:  # COCO's own are larger than what else is called .json
        return path.stem.startswith("instances")
    with open_bytes(path) as file:
        return coco_document(file.read()) is not None


def _names_files(table: Path, kind: str) -> bool:
    """Whether a table says of images or clips where they lie: then it is the data, and not they."""
    from zoo.drafting.columns import first_records

    return any(
        isinstance(value, str) and "." in value and len(value) < 300 and _lies(table.parent, value)
        for row in first_records(table, kind, 3)
        for value in row.values()
    )


def _lies(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False


def _seen(folder: Path) -> Iterable[str]:
    """Names of files below a folder, level by level; of media the first of each folder."""
    level = [""]
    for _ in range(_DEEPEST):
        below: list[str] = []
        for inner in level[:_FOLDERS]:
            media = 0
            with os.scandir(folder / inner) as inside:
                entries = sorted(inside, key=lambda one: one.name)
            for entry in entries:
                name = f"{inner}/{entry.name}" if inner else entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    below.append(name)
                    continue
                is_media = entry.name.lower().endswith((*IMAGES, *SOUND))
                media += is_media
                if not is_media or media <= _FILES:
                    yield name
        level = below
