"""What a user's images, masks, boxes and clips are like, from a hundred of their files."""

import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from zoo.data.sources.finding import found, masked
from zoo.drafting.columns import Column
from zoo.drafting.look import Look
from zoo.drafting.roles import Fit

ASKED = 100
"""Images, masks and clips whose files are opened."""


def files_in(column: Column, count: int = ASKED) -> list[Path | bytes]:
    """Some files that a column names, evenly spread, or their bytes."""
    chosen = column.filled[:: max(1, len(column.filled) // count)][:count]
    files: list[Path | bytes] = []
    for value in chosen:
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, bytes):
            files.append(value)
        elif isinstance(value, str):
            files.append(column.folder / value)
    return files


def media(look: Look, fit: Fit, role: str) -> list[Path | bytes]:
    """Some of the train files of images, masks or clips."""
    if look.columns:
        return files_in(look.columns[str(fit.columns[role])])
    files: list[Path] = []
    for entry in look.places.entries["train"]:
        listed = found(look.places.folder, entry, "class-folders")
        pairs = masked(listed.files) if listed and role == "mask" else None
        own = pairs[1] if pairs else listed.files if listed else ()
        files += own[:: max(1, len(own) // ASKED)]
    return list(files[:ASKED])


def classes_of_folders(look: Look) -> Counter[str]:
    """How many train images lie in the folder of each class."""
    counts: Counter[str] = Counter()
    for entry in look.places.entries["train"]:
        listed = found(look.places.folder, entry, "class-folders")
        if listed and listed.classes is not None:
            counts.update(name for name in listed.classes if name is not None)
    return counts


def sizes(files: Iterable[Path | bytes]) -> list[tuple[int, int]]:
    """(width, height) of images, of those that can be read, from their headers."""
    measured = []
    for file in files:
        with suppress(OSError, ValueError), Image.open(_stream(file)) as image:
            measured.append(image.size)
    return measured


@dataclass(frozen=True)
class Clips:
    """How long clips are, in seconds, and at which rates they were recorded."""

    seconds: Sequence[float]
    rates: Counter[int]

    def line(self) -> str:
        """In words."""
        middle, most = float(np.median(self.seconds)), max(self.seconds)
        rates = ", ".join(f"{rate:,}" for rate, _ in self.rates.most_common(3))
        longest = f"the longest of {len(self.seconds)}: {most:.1f} s"
        return f"clips of {middle:.1f} s ({longest}) at {rates} Hz"


def clips(files: Iterable[Path | bytes], said: Sequence[float] = ()) -> Clips:
    """Facts of clips from their headers; `said` are durations that the table says."""
    measured: list[float] = []
    rates: Counter[int] = Counter()
    for file in files:
        with suppress(soundfile.SoundFileError, OSError, ValueError):
            about = soundfile.info(_stream(file))
            measured.append(about.frames / about.samplerate)
            rates[about.samplerate] += 1
    return Clips(list(said) or measured, rates)


def _stream(file: Path | bytes) -> Any:
    return io.BytesIO(file) if isinstance(file, bytes) else file


def values_of_masks(files: Iterable[Path | bytes]) -> tuple[list[int], list[tuple[int, ...]]]:
    """(class ids, colours) that stand in some masks; of masks in colours only these."""
    ids: set[int] = set()
    colours: set[tuple[int, ...]] = set()
    for file in files:
        with suppress(OSError, ValueError), Image.open(_stream(file)) as image:
            pixels = np.asarray(image)
            if pixels.ndim == 3:
                flat = np.unique(pixels[:, :, :3].reshape(-1, 3), axis=0)
                colours |= {tuple(map(int, one)) for one in flat}
            else:
                ids |= set(map(int, np.unique(pixels)))
    return sorted(ids), sorted(colours)


def box_format(column: Column, shapes: Sequence[tuple[int, int]]) -> str:
    """How boxes are written, as `task.box_format` has it: shares or pixels, corners or sides."""
    boxes = [box for one in column.parsed for box in _boxes(one)]
    if not boxes:
        return "coco"
    values = np.array(boxes, dtype=float)
    corners = bool((values[:, 2] > values[:, 0]).all() and (values[:, 3] > values[:, 1]).all())
    if values.max() <= 1.0:
        return "albumentations" if corners else "yolo"
    width, height = np.array(shapes).max(0) if shapes else (math.inf, math.inf)
    beyond = values[:, 0] + values[:, 2] > width + 1
    beyond |= values[:, 1] + values[:, 3] > height + 1
    return "pascal_voc" if corners and beyond.any() else "coco"


def _boxes(objects: Any) -> list[Sequence[float]]:
    listed = objects if isinstance(objects, list) else [objects]
    found: list[Sequence[float]] = []
    for one in listed:
        own = one.get("bbox", one.get("boxes")) or [] if isinstance(one, Mapping) else []
        found += own if own and isinstance(own[0], list) else [own] if own else []
    return [[float(side) for side in box] for box in found if len(box) == 4]
