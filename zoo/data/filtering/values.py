"""What the conditions of `data.filter` look at: how much a value is, what it names and says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.image import size_of
from zoo.data.objects import Objects
from zoo.data.sources.values import Odd, as_label, as_number

TEXTS = ("text", "words", "messages", "value", "tags")
"""How roles are read whose values are texts; columns of no role are as well."""
NAMED = (*TEXTS, "objects")


@dataclass(frozen=True)
class Tokens:
    """How many tokens texts have, counted in whatever process; `fingerprint` tells one tokenizer
    from another.
    """

    fingerprint: str
    count: Callable[[Sequence[str]], list[int]]


def texts_of(value: Any) -> list[str]:
    """The texts of a value: what is said in a chat, the words of a list, or the one that it is."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return texts_of(value.get("content"))
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [text for one in value for text in texts_of(one)]
    return [] if value is None else [_written(value)]


def names_of(value: Any, classes: Sequence[str] | None) -> set[str]:
    """What a value names, as it is written; an id of `classes` by its class."""
    if isinstance(value, Objects):
        return names_of(value.classes, classes)
    if isinstance(value, tuple | list):
        return {name for one in value for name in names_of(one, classes)}
    known = classes is not None and type(value) is int and 0 <= value < len(classes)
    return {classes[value]} if known and classes is not None else {_written(value)}


def characters(value: Any) -> float:
    """How many characters its texts have."""
    return sum(map(len, texts_of(value)))


def words(value: Any) -> float:
    """How many words blanks part, or elements a list of words has."""
    if isinstance(value, tuple):
        return len(value)
    return sum(len(text.split()) for text in texts_of(value))


def number(value: Any) -> float | None:
    """The number that it is or is written as; None where it is none."""
    try:
        return as_number(value)
    except Odd:
        return None


def pixels(value: Any) -> tuple[int, int]:
    """(width, height) of an image as it is seen; raises CorruptExample for one that is none."""
    if isinstance(value, Path):
        return _of_file(value)
    if isinstance(value, bytes):
        return size_of(value)
    image = value if isinstance(value, Image.Image) else np.asarray(value)
    return image.size if isinstance(image, Image.Image) else (image.shape[1], image.shape[0])


@lru_cache(4096)  # width and height of a stretch of rows are asked one after the other
def _of_file(path: Path) -> tuple[int, int]:
    return size_of(path)


MEASURES: dict[str, tuple[tuple[str, ...], Callable[[Any], float | None]]] = {
    "characters": (TEXTS, characters),
    "words": (TEXTS, words),
    "width": (("image", "mask"), lambda value: pixels(value)[0]),
    "height": (("image", "mask"), lambda value: pixels(value)[1]),
    "": (("value", "text"), number),
}
"""By what follows min_ and max_: how roles are read that it is for, and how much a value is. Tokens
and seconds are counted for many rows at a time."""


def _written(value: Any) -> str:
    try:
        return as_label(value) or ""
    except Odd:
        return str(value)
