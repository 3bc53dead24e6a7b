"""Which files a glob names, what format they have, and which class an image lies in."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from zoo.data.reading.packed import unpacked
from zoo.data.rows import digest
from zoo.data.sources.listing.kept import Found, kept
from zoo.data.sources.listing.paths import Classes, Paths
from zoo.data.sources.listing.walk import Walk, is_file, matching
from zoo.data.sources.records import READERS

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
SUFFIXES = {
    "text": (".txt", ".text", ".md", ".rst", ".py"),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet",),
    "conll": (".conll", ".bio", ".iob"),
    "class-folders": IMAGES,
    "webdataset": (".tar",),
    "arrow": (".arrow", ".ipc", ".feather"),
}
_KALDI = {"wav.scp": "kaldi"}
_KIND = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
TABLES = ("json", "jsonl", "csv", "tsv", "parquet")
_RIVALS = ("jsonl", "csv", "tsv", "parquet")  # a .json beside them may be about them
_ABOUT = ("readme", "license", "licence", "notice")  # files that do not tell a folder's format
_OF_IMAGES = ("images", "image", "img", "imgs", "jpegimages")
_OF_MASKS = (
    *("masks", "annotations", "labels", "mask", "label", "annotation"),
    *("SegmentationClass", "SegmentationClassRaw"),
)
_VERSION = 2
_METADATA = "metadata"  # the name of a table beside its media


def found(folder: Path, entry: str, kind: str | None, root: Path | None = None) -> Found | None:
    """The files that `entry` names under the folder; None where it names nothing. Under `root` the
    names of many are kept (see zoo.data.sources.listing.kept).

    Their format is `kind`, else that of metadata files, else the commonest; with `kind`, files
    named outright are taken whatever their suffix. Raises OSError for a closed folder.
    """
    key = digest("listing", _VERSION, os.path.abspath(folder), entry, kind)
    return kept(root, key, lambda walk: _look(walk, folder, entry, kind))


def _look(walk: Walk, folder: Path, entry: str, kind: str | None) -> Found | None:
    base, matches = matching(folder, entry, walk)
    if not matches:
        return None
    named = list(dict.fromkeys(path for path in matches if is_file(path)))
    outright = set(named)
    folders = [path for path in matches if path not in outright and os.path.isdir(path)]
    below = (path for folder in folders for path in walk.files(folder))
    files = [*named, *(path for path in below if path not in outright)]
    rivals: tuple[str, ...] = ()
    metadata = [path for path in files if _stem(path) == _METADATA and kind_of(path) in TABLES]
    if kind == "metadata" or (kind is None and metadata):
        kind, files = "metadata", metadata or [path for path in named if kind_of(path) in TABLES]
    elif kind is None:
        kinds = Counter(known for path in files if (known := kind_of(path)) and _tells(path))
        kinds = kinds or Counter(known for path in files if (known := kind_of(path)))
        kind = kinds.most_common(1)[0][0] if kinds else ""
        files = [path for path in files if kind and kind_of(path) == kind]
        other = tuple(one for one in _RIVALS if one in kinds) if kind in _RIVALS else ()
        rivals = other if len(other) > 1 else ()
    else:
        files = [path for path in files if path in outright or kind_of(path) in _also(kind)]
    root = base if os.path.isdir(base) else os.path.dirname(base)
    start = len(root.rstrip("/")) + 1
    paths = Paths.of(root, (path[start:] for path in files))
    return Found(kind, paths, rivals, class_names(paths) if kind == "class-folders" else None)


def _tells(path: str) -> bool:
    """Whether a file tells the format of its folder."""
    return _stem(path).lower() not in _ABOUT


def _stem(path: str) -> str:
    """A file's name without its suffixes of a format and of a packing."""
    name = unpacked(os.path.basename(path))
    return name[: -len(suffix)] if (suffix := os.path.splitext(name)[1]) else name


def kind_of(path: str) -> str:
    """The format that a file's suffix stands for, or nothing."""
    name = unpacked(os.path.basename(path))
    kind = _KALDI.get(name) or _KIND.get(os.path.splitext(name)[1].lower(), "")
    return kind if kind in (*READERS, "text") or path.endswith(name) else ""


def read_as(path: Path, kind: str) -> str:
    """The format of one of the files that were found as `kind`: metadata and csv are several."""
    own = kind_of(str(path))
    return own if kind == "metadata" or own in _also(kind) else kind


def _also(kind: str) -> tuple[str, ...]:
    """The formats of suffixes that go under a name: a .tsv is a csv of its own kind."""
    return ("csv", "tsv") if kind == "csv" else (kind,)


def masked(paths: Paths) -> tuple[Paths, Paths, np.ndarray] | None:
    """(images, masks, the mask of each image, -1 for none, int64 (images,)): the images that have a
    folder of masks beside theirs. A mask is the file of the same name, but for the suffix, where
    `images` on its way is called `masks` or `annotations`. None where there is none at all.
    """
    inside: dict[str, dict[str, str] | None] = {}
    images: list[str] = []
    masks: list[str] = []
    places: list[int] = []
    for path in paths.written():
        parent = os.path.dirname(path)
        if parent not in inside:
            folder = mask_folder(Path(parent))
            inside[parent] = None if folder is None else _by_stem(folder)
        beside = inside[parent]
        if beside is None:
            continue
        mask = beside.get(_stem(path))
        images.append(path)
        places.append(-1 if mask is None else len(masks))
        masks += [] if mask is None else [mask]
    if not images:
        return None
    whole = paths if len(images) == len(paths) else Paths.of("", images)
    return whole, Paths.of("", masks), np.array(places, dtype=np.int64)


def _by_stem(folder: Path) -> dict[str, str]:
    """The files in a folder by their names without the suffix."""
    with os.scandir(folder) as entries:
        return {_stem(one.name): one.path for one in entries}


def mask_folder(parent: Path) -> Path | None:
    """The folder of the masks of the images in a folder, if it is there."""
    parts = parent.parts
    at = next((n for n in reversed(range(len(parts))) if parts[n].lower() in _OF_IMAGES), None)
    if at is None:
        return None
    above = Path(*parts[:at])
    places = (above.joinpath(name, *parts[at + 1 :]) for name in _OF_MASKS)
    return next((place for place in places if place.is_dir()), None)


def class_names(paths: Paths) -> Classes:
    """The class of each image: the first folder below the root on its way, None where there is
    none. Images that all lie in the root itself have its name.
    """
    if not any("/" in name for name in paths.names()):
        return Classes.of([os.path.basename(paths.root)] * len(paths))
    split = (name.partition("/") for name in paths.names())
    return Classes.of(first if slash else None for first, slash, _ in split)
