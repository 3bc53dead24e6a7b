"""Built-in `numbers`: numbers below a million in digits and in words, to be turned into each other.

Half of the rows spell ("4 0 7" becomes "four hundred seven"), half read. Of all numbers a tenth, by
their CRC-32, is kept for validation and another one for test: training never shows them. Lengths
are equally likely: one to six digits in training, three to six elsewhere.
"""

import zlib
from functools import cache
from pathlib import Path

import numpy as np

from zoo.data.rows import Row, Rows, digest
from zoo.data.sources.opened import Opened, Wanted

_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_DIGITS = 6
_ROWS = {"train": 200_000, "validation": 200, "test": 400}
_TENTHS = {"validation": (1,), "test": (0,), "train": tuple(range(2, 10))}
_VERSION = 1


class NumberRows(Rows):
    """Texts of one split, each made from its number and its direction."""

    roles = frozenset({"source", "target"})

    def __init__(self, split: str) -> None:
        rng = np.random.default_rng([_VERSION, list(_ROWS).index(split)])
        kept = np.isin(_tenth(), _TENTHS[split])
        starts = [0, *(10**size for size in range(1, _DIGITS))]
        of_size = [low + np.flatnonzero(kept[low : 10 * max(low, 1)]) for low in starts]
        sizes = rng.integers(0 if split == "train" else 2, _DIGITS, _ROWS[split])
        places = rng.random(len(sizes))
        self.numbers = [
            int(of_size[size][int(place * len(of_size[size]))])
            for size, place in zip(sizes.tolist(), places.tolist(), strict=True)
        ]
        self.spells = (rng.random(len(sizes)) < 0.5).tolist()
        self.fingerprint = digest("numbers", _VERSION, split)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Row:
        number = self.numbers[index]
        digits, words = " ".join(str(number)), in_words(number)
        source, target = (digits, words) if self.spells[index] else (words, digits)
        return {"source": source, "target": target}


def in_words(number: int) -> str:
    """A number below a million in English words, without hyphens and without "and"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return " ".join([_TENS[number // 10 - 2], *_rest(number % 10)])
    if number < 1000:
        return " ".join([_ONES[number // 100], "hundred", *_rest(number % 100)])
    return " ".join([in_words(number // 1000), "thousand", *_rest(number % 1000)])


def _rest(number: int) -> list[str]:
    return [in_words(number)] if number else []


@cache
def _tenth() -> np.ndarray:
    """Which tenth each number below a million belongs to."""
    return np.array([zlib.crc32(b"%d" % number) % 10 for number in range(10**_DIGITS)])


def open_numbers(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (200,000 rows), validation (200) and test (400)."""
    return Opened(NumberRows(split))
