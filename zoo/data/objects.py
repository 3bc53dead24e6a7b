"""The objects of an image: a box and a class each, as they stand in the data."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# By what a column of objects may call them: Hugging Face's data sets, and COCO.
_BOXES = ("bbox", "boxes")
_CLASSES = ("category", "categories", "category_id", "label", "labels")
_CROWD, _AREAS = ("iscrowd", "is_crowd"), ("area", "areas")


@dataclass(frozen=True)
class Objects:
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

    @classmethod
    def read(cls, value: Any, class_of: Callable[[Any], Any]) -> "Objects":
        """The objects of a raw value: an object of lists, or a list of objects.

        `class_of` makes of a raw class what it is called. Raises ValueError, which says what is
        wrong.
        """
        columns = value if isinstance(value, Mapping) else _columns(value)
        boxes, classes = _column(columns, _BOXES), _column(columns, _CLASSES)
        if boxes is None and classes is None and not any(columns.values()):
            return cls.of([], [])
        if boxes is None or classes is None or len(boxes) != len(classes):
            raise ValueError(f"objects of {', '.join(columns)}: not a bbox and a category each")
        if any(not isinstance(box, Sequence) or len(box) != 4 for box in boxes):
            raise ValueError("a bbox that is not four numbers")
        numbers = [[_number(side) for side in box] for box in boxes]
        found = cls.of(numbers, [class_of(one) for one in classes])
        crowd, areas = _column(columns, _CROWD), _column(columns, _AREAS)
        if crowd is not None:
            found = replace(found, crowd=np.array([_number(one) > 0 for one in crowd], dtype=bool))
        if areas is not None:
            known = [math.nan if one is None else _number(one) for one in areas]
            found = replace(found, areas=np.array(known, dtype=np.float64))
        if not len(found.crowd) == len(found.areas) == len(boxes):
            raise ValueError("objects whose lists differ in length")
        return found

    def plain(self) -> dict[str, list[Any]]:
        """The same as an object of lists, which `read` takes."""
        return {
            "bbox": self.boxes.tolist(),
            "category": list(self.classes),
            "iscrowd": self.crowd.tolist(),
            "area": self.areas.tolist(),
        }

    def with_classes(self, change: Callable[[Any], Any]) -> "Objects":
        """The same objects under other names of their classes."""
        return replace(self, classes=tuple(map(change, self.classes)))


def _columns(value: Any) -> dict[str, list[Any]]:
    """A list of objects as an object of lists."""
    if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
        raise ValueError("neither an object of lists nor a list of objects")
    names = dict.fromkeys(name for one in value for name in one)
    return {name: [one.get(name) for one in value] for name in names}


def _column(columns: Mapping[str, Any], names: Sequence[str]) -> Sequence[Any] | None:
    """The first of these lists that is there."""
    found = next((columns[name] for name in names if columns.get(name) is not None), None)
    if found is not None and (isinstance(found, str) or not isinstance(found, Sequence)):
        raise ValueError(f"a {names[0]} that is no list")
    return found


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} where a number of a box belongs") from None
