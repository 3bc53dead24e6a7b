"""The objects of an image: a box and a class each, as they stand in the data."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Objects(NamedTuple):
    """What a row holds for the role `objects`."""

    boxes: np.ndarray
    """float64 (objects, 4), in the format that `task.box_format` names."""
    classes: tuple[Any, ...]
    """A class name or id an object."""
    crowd: np.ndarray
    """bool (objects,): a box around many things, which is neither learnt nor counted as missed."""
    areas: np.ndarray
    """float64 (objects,), square pixels of the original image; NaN where the data does not say."""

    @classmethod
    def of(cls, boxes: Any, classes: Sequence[Any]) -> "Objects":
        """Objects of which nothing else is known."""
        count = len(classes)
        return cls(
            np.asarray(boxes, dtype=np.float64).reshape(count, 4),
            tuple(classes),
            np.zeros(count, dtype=bool),
            np.full(count, np.nan),
        )

    def with_classes(self, change: Callable[[Any], Any]) -> "Objects":
        """The same objects under other names of their classes."""
        return self._replace(classes=tuple(map(change, self.classes)))
