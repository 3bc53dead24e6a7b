"""Files that are examples themselves: texts, and images in the folder of their class."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.image import decode_image, decode_mask
from zoo.data.rows import PIECE, CorruptExample, Row, Rows, digest

_NO_MASK = "{} (no mask of that name in the folder beside its own)"
_NO_CLASS = "{} (no class: it lies beside the folders of the classes)"


class TextFiles(Rows):
    """One row a file, role text, read as UTF-8 when asked for; line ends stay what they are."""

    roles = frozenset({"text"})

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.fingerprint = digest("text", files_digest(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Row:
        return {"text": "".join(self.pieces(index))}

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        path = self.paths[index]
        try:
            with path.open(encoding="utf-8-sig", newline="\n") as file:
                while piece := file.read(PIECE):
                    # A line without an end must not bring the whole file into memory.
                    yield piece if piece.endswith("\n") else piece + file.readline(PIECE)
        except (OSError, UnicodeDecodeError) as error:
            raise CorruptExample(f"{path} ({error})") from error

    def lengths(self) -> np.ndarray:
        return np.array([path.stat().st_size for path in self.paths], dtype=np.float64)


class ClassFolders(Rows):
    """One row an image file; its label is the class of that place, None where it has none.

    Without `labels` each file lies in the folder of its class.
    """

    roles = frozenset({"image", "label"})

    def __init__(self, paths: Sequence[Path], labels: Sequence[str | None] | None = None) -> None:
        names: Sequence[str | None] = [path.parent.name for path in paths]
        self.paths, self.labels = tuple(paths), tuple(names if labels is None else labels)
        self.fingerprint = digest("class-folders", files_digest(paths), self.labels)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Row:
        label = self.value(index, "label")
        return {"image": decode_image(self.paths[index]), "label": label}

    def value(self, index: int, role: str) -> Any:
        if role != "label":
            return self[index][role]
        if self.labels[index] is None:
            raise CorruptExample(_NO_CLASS.format(self.paths[index]))
        return self.labels[index]

    def unreadable(self) -> dict[int, str]:
        lacking = [index for index, label in enumerate(self.labels) if label is None]
        return {index: _NO_CLASS.format(self.paths[index]) for index in lacking}


class MaskedImages(Rows):
    """One row an image file with its mask, None where it has none (see `finding.masked`)."""

    roles = frozenset({"image", "mask"})

    def __init__(self, paths: Sequence[Path], masks: Sequence[Path | None]) -> None:
        self.paths, self.masks = tuple(paths), tuple(masks)
        there = [mask for mask in masks if mask is not None]
        self.fingerprint = digest("masked-images", files_digest(paths), files_digest(there))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Row:
        mask = self.masks[index]
        if mask is None:
            raise CorruptExample(_NO_MASK.format(self.paths[index]))
        return {"image": decode_image(self.paths[index]), "mask": decode_mask(mask)}

    def unreadable(self) -> dict[int, str]:
        lacking = [index for index, mask in enumerate(self.masks) if mask is None]
        return {index: _NO_MASK.format(self.paths[index]) for index in lacking}


def files_digest(paths: Sequence[Path]) -> str:
    """Changes with the name, size or time of any file."""
    stats = [(str(path), path.stat()) for path in paths]
    return digest([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
