"""What the values of a user's data are like: labels, and how long texts are."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.drafting.columns import Column, opened, spelled

FEW_NUMBERS = 20
"""So many different whole numbers may still be classes, such as stars."""
QUANTILE = 0.99


@dataclass(frozen=True)
class Labels:
    """What a column of labels says: `problem` as `task.problem` has it, and how often each class
    stands in the rows that were looked at.
    """

    problem: str
    counts: Mapping[str, int]

    def line(self) -> str:
        """In words."""
        if self.problem == "regression":
            numbers = [float(one) for one in self.counts]
            return f"numbers from {min(numbers):g} to {max(numbers):g}: a regression"
        common = Counter(self.counts).most_common()
        shown = ", ".join(f"{name[:24]} {count}" for name, count in common[:4])
        more = f", ... {common[-1][0][:24]} {common[-1][1]}" if len(common) > 4 else ""
        several = ", several in a row" if self.problem == "multi-label" else ""
        return f"{len(common)} classes{several} ({shown}{more})"


def labels_of(columns: Sequence[Column]) -> Labels:
    """What one column of labels says, or several that hold one each."""
    if len(columns) > 1:
        counts = {one.name: sum(_set(value) for value in one.filled) for one in columns}
        return Labels("multi-label", counts)
    column = columns[0]
    if column.lists:
        each = [spelled(part) for value in column.filled for part in opened(value)]
        kind = "regression" if each and all(map(_fraction, each)) else "multi-label"
        return Labels(kind, Counter(each))
    counts = Counter(_class_name(value) for value in column.filled)
    numbers = column.numbers
    if numbers is not None and _measured(numbers):
        return Labels("regression", counts)
    return Labels("single-label", counts)


def _measured(numbers: Sequence[float]) -> bool:
    """Whether numbers are amounts, and no ids of classes or stars."""
    distinct = set(numbers)
    if not all(number.is_integer() for number in distinct):
        return True
    ids = min(distinct) in (0, 1) and max(distinct) - min(distinct) + 1 == len(distinct)
    return len(distinct) > FEW_NUMBERS and not ids


def _class_name(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else spelled(value)


def _fraction(text: str) -> bool:
    return "." in text and text.replace(".", "", 1).lstrip("-").isdigit()


def _set(value: Any) -> bool:
    return spelled(value).lower() in ("1", "1.0", "true")


def tokens_of(text: str, letters: bool) -> int:
    """About how many tokens a text becomes: one a byte or character (`letters`), else as word
    pieces of a vocabulary of some ten thousand do (a word 1.3, of other scripts a character 0.8).
    """
    if letters:
        return len(text.encode())
    words = len(text.split())
    foreign = sum(ord(one) > 0x2E7F for one in text)
    return math.ceil(max(1.3 * words, (len(text) - foreign) / 4) + 0.8 * foreign)


def quantile(lengths: Sequence[float], share: float = QUANTILE) -> int:
    """The length that this share of the examples does not pass."""
    return math.ceil(float(np.quantile(np.asarray(lengths), share))) if lengths else 0


def lengths(columns: Iterable[Column], letters: bool) -> list[int]:
    """About how many tokens each row has in these columns together."""
    each = [[_length(value, letters) for value in column.values] for column in columns]
    return [sum(row) for row in zip(*each, strict=True)]


def _length(value: Any, letters: bool) -> int:
    if value is None:
        return 0
    value = opened(value)
    if isinstance(value, list):  # words, or turns of a chat with marks around them
        return sum(_length(one, letters) for one in value)
    if isinstance(value, Mapping):
        return (
            _length(str(value.get("content") or value.get("value") or ""), letters)
            + 4
            + 6 * letters
        )
    return tokens_of(str(value), letters)
