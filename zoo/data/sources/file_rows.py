"""Files that are examples themselves: texts, and images in the folder of their class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data.image import decode_image
from zoo.data.rows import CorruptExample, Row, digest


class TextFiles:
    """One row a file, role text, read as UTF-8 when asked for."""

    roles = frozenset({"text"})

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.fingerprint = digest("text", files_digest(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Row:
        path = self.paths[index]
        try:
            return {"text": path.read_text(encoding="utf-8")}
        except (OSError, UnicodeDecodeError) as error:
            raise CorruptExample(f"{path} ({error})") from error

    def lengths(self) -> np.ndarray:
        return np.array([path.stat().st_size for path in self.paths], dtype=np.float64)


class ClassFolders:
    """One row an image file; the label is the name of the folder it lies in."""

    roles = frozenset({"image", "label"})

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.fingerprint = digest("class-folders", files_digest(paths))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Row:
        path = self.paths[index]
        return {"image": decode_image(path), "label": path.parent.name}

    def lengths(self) -> None:
        return None


def files_digest(paths: Sequence[Path]) -> str:
    """Changes with the name, size or time of any file."""
    stats = [(str(path), path.stat()) for path in paths]
    return digest([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
