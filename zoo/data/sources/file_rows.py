"""Files that are examples themselves: texts, and images in the folder of their class."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.data.image import decode_image
from zoo.data.rows import PIECE, CorruptExample, Row, Rows, digest


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


def files_digest(paths: Sequence[Path]) -> str:
    """Changes with the name, size or time of any file."""
    stats = [(str(path), path.stat()) for path in paths]
    return digest([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
