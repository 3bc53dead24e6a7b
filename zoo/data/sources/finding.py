"""Which files a glob names, what format they have, and which class an image lies in."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

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
TABLES = ("json", "jsonl", "csv", "tsv", "parquet")
_RIVALS = ("jsonl", "csv", "tsv", "parquet")  # a .json beside them may be about them
_ABOUT = ("readme", "license", "licence", "notice")  # files that do not tell a folder's format
_OF_IMAGES = ("images", "image", "img", "imgs", "jpegimages")
_OF_MASKS = (
    *("masks", "annotations", "labels", "mask", "label", "annotation"),
    *("SegmentationClass", "SegmentationClassRaw"),
)
_METADATA = "metadata"  # the name of a table beside its media


@dataclass(frozen=True)
class Found:
    """Files of one format; `base` is the folder that they were looked for in."""

    kind: str
    files: tuple[Path, ...]
    base: Path
    rivals: tuple[str, ...] = ()
    """Formats of tables among which nobody chose."""


def found(folder: Path, entry: str, kind: str | None) -> Found | None:
    """The files that `entry` names under the folder; None where it names nothing.

    Their format is `kind`, else that of metadata files, else the commonest; with `kind`, files
    named outright are taken whatever their suffix.
    """
    base, matches = matching(folder, entry)
    if not matches:
        return None
    named = [path for path in matches if path.is_file()]
    inside = [path for match in matches if match.is_dir() for path in visible_files(match)]
    files = list(dict.fromkeys([*named, *inside]))
    metadata = [path for path in files if path.stem == _METADATA and kind_of(path) in TABLES]
    if kind == "metadata" or (kind is None and metadata):
        return Found("metadata", tuple(metadata or named), base)
    if kind is None:
        telling = [path for path in files if path.stem.lower() not in _ABOUT] or files
        kinds = Counter(known for path in telling if (known := kind_of(path)))
        kind = kinds.most_common(1)[0][0] if kinds else ""
        taken = tuple(path for path in files if kind and kind_of(path) == kind)
        other = tuple(one for one in _RIVALS if one in kinds) if kind in _RIVALS else ()
        return Found(kind, taken, base, other if len(other) > 1 else ())
    outright = set(named)
    kept = (path for path in files if path in outright or kind_of(path) in _also(kind))
    return Found(kind, tuple(kept), base)


def matching(folder: Path, entry: str) -> tuple[Path, list[Path]]:
    """(the folder above the first glob, what `entry` names under `folder`, sorted).

    A name that is there is that name, whatever brackets it has; `train` may also stand for
    train.csv. What is hidden is found by its own name only.
    """
    # A folder stands for all below it anyway.
    parts = Path("" if entry == "**" else entry.removesuffix("/**")).parts
    if Path(entry).is_absolute():
        return folder, []
    base, places = folder, [folder]
    for number, part in enumerate(parts):
        literal = [place / part for place in places if (place / part).exists()]
        if literal:
            base = literal[0] if base == places[0] and len(places) == 1 else base
            places = literal
            continue
        if number == len(parts) - 1 and (suffixed := _suffixed(places, part)):
            return base, suffixed
        places = [match for place in places for match in _globbed(place, part)]
    return base, places


def _globbed(place: Path, pattern: str) -> list[Path]:
    """What a pattern without slashes matches in a folder; `**` is the folder and all below it."""
    if not place.is_dir():
        return []
    if pattern == "**":
        return list(_folders(place))
    inside = place.iterdir() if pattern.startswith(".") else _shown(place)
    return sorted(path for path in inside if fnmatchcase(path.name, pattern))


def _suffixed(places: Sequence[Path], name: str) -> list[Path]:
    """The files called `name` but for their suffix."""
    inside = [path for place in places if place.is_dir() for path in sorted(place.iterdir())]
    return [path for path in inside if path.name.startswith(f"{name}.")]


def visible_files(folder: Path) -> list[Path]:
    """Every file below a folder, sorted, but for hidden ones; raises OSError for a closed folder.

    Links to folders are followed, none of them in a circle.
    """
    return sorted(path for place in _folders(folder) for path in _shown(place) if path.is_file())


def _folders(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """A folder and all below it, nothing hidden."""
    stat = folder.stat()
    here = (stat.st_dev, stat.st_ino)
    if here in above:  # a link to a folder that it lies in
        return
    yield folder
    for path in sorted(_shown(folder)):
        if path.is_dir():
            yield from _folders(path, above | {here})


def _shown(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def kind_of(path: Path) -> str:
    """The format that a file's suffix stands for, or nothing."""
    suffix = path.suffix.lower()
    return next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), "")


def read_as(path: Path, kind: str) -> str:
    """The format of one of the files that were found as `kind`: metadata and csv are several."""
    own = kind_of(path)
    return own if kind == "metadata" or own in _also(kind) else kind


def _also(kind: str) -> tuple[str, ...]:
    """The formats of suffixes that go under a name: a .tsv is a csv of its own kind."""
    return ("csv", "tsv") if kind == "csv" else (kind,)


def masked(paths: Sequence[Path]) -> dict[Path, Path | None]:
    """The images that have a folder of masks beside theirs, each with its mask: the file of the
    same name, but for the suffix, where `images` on its way is called `masks` or `annotations`.
    """
    inside: dict[Path, dict[str, Path]] = {}
    found: dict[Path, Path | None] = {}
    for path in paths:
        folder = _mask_folder(path)
        if folder is not None:
            if folder not in inside:
                inside[folder] = {file.stem: file for file in folder.iterdir()}
            found[path] = inside[folder].get(path.stem)
    return found


def _mask_folder(path: Path) -> Path | None:
    """The folder of the masks of an image's, if it is there."""
    parts = path.parent.parts
    at = next((n for n in reversed(range(len(parts))) if parts[n].lower() in _OF_IMAGES), None)
    if at is None:
        return None
    above = Path(*parts[:at])
    places = (above.joinpath(name, *parts[at + 1 :]) for name in _OF_MASKS)
    return next((place for place in places if place.is_dir()), None)


def class_names(paths: Sequence[Path], base: Path) -> list[str | None]:
    """The class of each image: the first folder below `base` on its way, None where there is none.

    Images that all lie in `base` itself have its name.
    """
    inner = [path.relative_to(base).parts if path.is_relative_to(base) else () for path in paths]
    if not any(len(parts) > 1 for parts in inner):
        return [path.parent.name for path in paths]
    return [parts[0] if len(parts) > 1 else None for parts in inner]
