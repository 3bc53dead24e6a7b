"""Files that are examples themselves: texts, and images in the folder of their class."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.image import decode_image, decode_mask, open_image
from zoo.data.reading.packed import open_bytes
from zoo.data.rows import PIECE, UNREADABLE, CorruptExample, Row, Rows, digest
from zoo.data.sources.listing.paths import Classes, Paths
from zoo.data.sources.listing.stats import files_digest, stat_of

_NULS = 4  # of so many characters one: UTF-16 reads as UTF-8 with every other one
_NO_MASK = "{} (no mask of that name in the folder beside its own)"
_NO_CLASS = "{} (no class: it lies beside the folders of the classes)"


class TextFiles(Rows):
    """One row a file, role text, read as UTF-8 when asked for, unpacked where its suffix says so;
    line ends stay what they are.
    """

    roles = frozenset({"text"})

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.fingerprint = digest("text", files_digest(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def __getitem__(self, index: int) -> Row:
        return {"text": "".join(self.pieces(index))}

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        path = self.paths[index]
        try:
            with io.TextIOWrapper(open_bytes(path), "utf-8-sig", newline="\n") as file:
                while piece := file.read(PIECE):
                    if piece.count("\0") > len(piece) // _NULS:
                        raise CorruptExample(f"{path} (NUL in place of letters; save it as UTF-8)")
                    # A line without an end must not bring the whole file into memory.
                    yield piece if piece.endswith("\n") else piece + file.readline(PIECE)
        except (OSError, UnicodeDecodeError) as error:
            raise CorruptExample(f"{path} ({error})") from error

    def lengths(self) -> np.ndarray:
        sizes = (stat_of(path).st_size for path in self.paths)
        return np.fromiter(sizes, dtype=np.float64, count=len(self.paths))


class ClassFolders(Rows):
    """One row an image file; its label is the class of that place, None where it has none.

    Without `labels` each file lies in the folder of its class.
    """

    roles = frozenset({"image", "label"})

    def __init__(self, paths: Sequence[Path], labels: Classes | None = None) -> None:
        self.paths = paths
        self.labels = labels or Classes.of(path.parent.name for path in paths)
        content = hashlib.sha256(self.labels.codes.tobytes()).hexdigest()
        self.fingerprint = digest("class-folders", _digest(paths), self.labels.named, content)

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def __getitem__(self, index: int) -> Row:
        label = self.value(index, "label")
        return {"image": open_image(self.paths[index]), "label": label}

    def value(self, index: int, role: str) -> Any:
        if role != "label":
            return self[index][role]
        label = self.labels[index]
        if label is None:
            raise CorruptExample(_NO_CLASS.format(self.paths[index]))
        return label

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        if name != "image":
            return super().between(name, begin, end)
        return [self.paths[index] for index in range(begin, end)]

    def unreadable(self) -> dict[int, str]:
        lacking = np.flatnonzero(self.labels.codes < 0).tolist()
        return {index: _NO_CLASS.format(self.paths[index]) for index in lacking}


class MaskedImages(Rows):
    """One row an image file with its mask, of which it has none where its place is -1 (see
    `finding.masked`).
    """

    roles = frozenset({"image", "mask"})

    def __init__(self, paths: Sequence[Path], masks: Sequence[Path], places: np.ndarray) -> None:
        self.paths, self.masks, self.places = paths, masks, places
        content = hashlib.sha256(places.tobytes()).hexdigest()
        self.fingerprint = digest("masked-images", _digest(paths), _digest(masks), content)

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def __getitem__(self, index: int) -> Row:
        place = int(self.places[index])
        if place < 0:
            raise CorruptExample(_NO_MASK.format(self.paths[index]))
        image = decode_image(self.paths[index])
        return {"image": image, "mask": decode_mask(self.masks[place])}

    def between(self, name: str, begin: int, end: int) -> list[Any]:
        if name == "image":
            return [self.paths[index] for index in range(begin, end)]
        places = self.places[begin:end].tolist()
        return [self.masks[place] if place >= 0 else UNREADABLE for place in places]

    def unreadable(self) -> dict[int, str]:
        lacking = np.flatnonzero(self.places < 0).tolist()
        return {index: _NO_MASK.format(self.paths[index]) for index in lacking}


def _digest(paths: Sequence[Path]) -> str:
    """Changes with the files: as their listing says where one is kept, else as each says itself."""
    return (paths.digest if isinstance(paths, Paths) else "") or files_digest(paths)
