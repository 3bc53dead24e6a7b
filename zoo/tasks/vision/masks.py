"""Masks: from the values of a file to the class of each pixel."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from zoo.data.rows import CorruptExample
from zoo.recipe.spec.tasks.segmentation import SemanticSegmentationSpec
from zoo.tasks.task import IGNORE

_OF_INTEGERS = ("1", "L", "P", "I")
_NAMED = 5  # values in a message


@dataclass(frozen=True)
class Masks:
    """How the masks of a data set are read, into int16 (height, width): class ids, or IGNORE."""

    classes: int
    ignore_label: int
    reduce_labels: bool
    palette: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, spec: SemanticSegmentationSpec, classes: int) -> "Masks":
        """As the task says it."""
        return cls(classes, spec.ignore_label, spec.reduce_labels, spec.palette)

    def classes_of(self, mask: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """The class of each pixel of an image of this size (width, height).

        Raises CorruptExample for a mask of another size and for values that are no class.
        """
        if mask.size != size:
            raise CorruptExample(f"a mask of {mask.size} pixels for an image of {size}")
        values = self._from_colours(mask) if self.palette else _numbers(mask)
        ids = values - 1 if self.reduce_labels else values
        skipped = (values == self.ignore_label) | (ids < 0)
        if self.palette:
            skipped |= ids >= self.classes
        strays = np.unique(values[~skipped & (ids >= self.classes)])
        if len(strays):
            first = int(self.reduce_labels)
            raise CorruptExample(
                f"a mask with the value {_listed(strays)}; classes are {first} to"
                f" {self.classes - 1 + first}, and {self.ignore_label} is no target"
            )
        return np.where(skipped, IGNORE, ids).astype(np.int16)

    def _from_colours(self, mask: Image.Image) -> np.ndarray:
        """The place of each pixel's colour in the palette, int64 (height, width)."""
        codes = _codes(np.asarray(mask.convert("RGB")))
        known = _codes(np.array(self.palette))
        order = np.argsort(known)
        places = np.searchsorted(known[order], codes).clip(max=len(known) - 1)
        strays = np.unique(codes[known[order][places] != codes])
        if len(strays):
            colours = [f"({one >> 16}, {one >> 8 & 255}, {one & 255})" for one in strays.tolist()]
            raise CorruptExample(f"a mask with the colour {_listed(colours)}, not in task.palette")
        found: np.ndarray = order[places]
        return found


def _numbers(mask: Image.Image) -> np.ndarray:
    """The values of a mask, int64 (height, width): of gray, or the indices of a palette's."""
    values = np.asarray(mask)
    if mask.mode in _OF_INTEGERS or mask.mode.startswith("I;16"):
        return values.astype(np.int64)
    if mask.mode == "RGB" and (values == values[..., :1]).all():
        return values[..., 0].astype(np.int64)
    raise CorruptExample(f"a mask of {mask.mode}; class ids are gray, or colours of task.palette")


def _codes(colours: np.ndarray) -> np.ndarray:
    """One number a colour, int64, of bytes (..., 3)."""
    found: np.ndarray = colours.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return found


def _listed(values: np.ndarray | list[str]) -> str:
    more = ", ..." if len(values) > _NAMED else ""
    return ", ".join(map(str, values[:_NAMED])) + more
