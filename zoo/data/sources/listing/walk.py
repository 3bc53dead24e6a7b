"""Looking into folders: which files lie below one, and what a glob names; no object a file."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISDIR


class Many(Exception):
    """There is more to list than this walk was to look at."""


class Walk:
    """Lists folders and remembers which; raises Many beyond `most` entries, if that is given."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.seen = most, 0
        self.folders: dict[str, list[int]] = {}
        """Every folder that was looked into, as `stamp` gave it before."""
        self._walked: set[str] = set()

    def note(self, folder: str) -> None:
        """Remembers that what was found depends on a folder."""
        if folder not in self.folders and (found := stamp(folder)):
            self.folders[folder] = found

    def shown(self, folder: str, hidden: bool = False) -> list[os.DirEntry[str]]:
        """What lies in a folder, sorted by name, but for what is hidden."""
        self.note(folder)
        with os.scandir(folder) as inside:
            entries = [one for one in inside if hidden or not one.name.startswith(".")]
        self.seen += len(entries)
        if self.most is not None and self.seen > self.most:
            raise Many
        return sorted(entries, key=lambda one: one.name)

    def files(self, folder: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[str]:
        """Every file below a folder, sorted folder by folder, nothing hidden; raises OSError for a
        closed folder. Links to folders are followed, none of them in a circle, and a folder that
        was walked through already has no more files. A link that leads nowhere is a file, which
        cannot be read.
        """
        here = _identity(folder)
        if here in above or folder in self._walked:
            return
        self._walked.add(folder)
        for entry in self.shown(folder):
            if _leads_on(entry):
                yield from self.files(entry.path, above | {here})
            elif is_file(entry.path) if entry.is_symlink() else entry.is_file():
                yield entry.path

    def below(self, folder: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[str]:
        """A folder and all folders below it, nothing hidden."""
        here = _identity(folder)
        if here in above:  # a link to a folder that it lies in
            return
        yield folder
        for entry in self.shown(folder):
            if _leads_on(entry):
                yield from self.below(entry.path, above | {here})


def is_file(path: str) -> bool:
    """Whether what is there is a file, or a link that leads nowhere."""
    return os.path.isfile(path) or not os.path.exists(path)


def stamp(folder: str) -> list[int]:
    """What changes when something is added to a folder, removed or renamed; nothing if it is gone
    or no folder.
    """
    try:
        found = os.stat(folder)
    except OSError:
        return []
    return [found.st_mtime_ns, found.st_ino] if S_ISDIR(found.st_mode) else []


def matching(folder: Path, entry: str, walk: Walk) -> tuple[str, list[str]]:
    """(the folder above the first glob, what `entry` names under `folder`, sorted).

    A name that is there is that name, whatever brackets it has; `train` may also stand for
    train.csv. What is hidden is found by its own name only.
    """
    # A folder stands for all below it anyway.
    parts = Path("" if entry == "**" else entry.removesuffix("/**")).parts
    if Path(entry).is_absolute():
        return str(folder), []
    base, places = str(folder), [str(folder)]
    for number, part in enumerate(parts):
        for place in places:
            walk.note(place)
        inside = [os.path.join(place, part) for place in places]
        literal = [place for place in inside if os.path.lexists(place)]
        if literal:
            base = literal[0] if [base] == places else base
            places = literal
            continue
        if number == len(parts) - 1 and (suffixed := _suffixed(places, part, walk)):
            return base, suffixed
        places = [match for place in places for match in _globbed(place, part, walk)]
    return base, places


def _globbed(place: str, pattern: str, walk: Walk) -> list[str]:
    """What a pattern without slashes matches in a folder; `**` is the folder and all below it."""
    if not os.path.isdir(place):
        return []
    if pattern == "**":
        return list(walk.below(place))
    inside = walk.shown(place, hidden=pattern.startswith("."))
    return [one.path for one in inside if fnmatchcase(one.name, pattern)]


def _suffixed(places: Sequence[str], name: str, walk: Walk) -> list[str]:
    """The files called `name` but for their suffix."""
    folders = [place for place in places if os.path.isdir(place)]
    inside = [one for folder in folders for one in walk.shown(folder, hidden=True)]
    return [one.path for one in inside if one.name.startswith(f"{name}.")]


def _leads_on(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino
