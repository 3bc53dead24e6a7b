"""An n-gram language model over words, read from an ARPA file."""

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_STRANGE = -10.0  # log10 of a word in a model that has no <unk>
Words = tuple[str, ...]


class NGram:
    """Backed-off probabilities of words (Katz 1987), in nats.

    `probability` and `backoff` are by n-gram, `order` is the longest one's length.
    """

    def __init__(self, probability: dict[Words, float], backoff: dict[Words, float]) -> None:
        self.probability, self.backoff = probability, backoff
        self.order = max(map(len, probability))
        self.unknown = probability.get((UNKNOWN,), _STRANGE * math.log(10))

    def score(self, history: Words, word: str) -> float:
        """log p(word | history), of which the last `order` - 1 words count."""
        history = history[max(len(history) - self.order + 1, 0) :]
        given_up = 0.0
        for start in range(len(history) + 1):
            context = history[start:]
            found = self.probability.get((*context, word))
            if found is not None:
                return given_up + found
            given_up += self.backoff.get(context, 0.0)
        return given_up + self.unknown


def read_arpa(path: Path) -> NGram:
    r"""Reads an ARPA file, gzipped where its name ends in .gz.

    Raises OSError where it cannot be read, and ValueError where it is no ARPA file: where \data\,
    a section, \end\ or a number is missing, or a section holds another number of n-grams than
    \data\ says.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    probability: dict[Words, float] = {}
    backoff: dict[Words, float] = {}
    told: dict[int, int] = {}
    length, counted = 0, dict[int, int]()
    with opened(path, "rt", encoding="utf-8") as file:
        for line in _content(file):
            if line.startswith("ngram ") and not length:
                order, _, count = line[6:].partition("=")
                told[int(order)] = int(count)
            elif line.startswith("\\") and line.endswith("-grams:"):
                length = int(line[1:-7])
            else:
                words, chance, back = _entry(line, length)
                counted[length] = counted.get(length, 0) + 1
                probability[words] = chance
                if back:
                    backoff[words] = back
    if not told or counted != {order: count for order, count in told.items() if count}:
        raise ValueError(
            f"\\data\\ tells of {told or 'nothing'}, and {counted or 'nothing'} is there"
        )
    return NGram(probability, backoff)


def _content(file: Iterator[str]) -> Iterator[str]:
    r"""The lines between \data\ and \end\ that are not blank."""
    inside = False
    for line in map(str.strip, file):
        if inside and line == "\\end\\":
            return
        if inside and line:
            yield line
        inside = inside or line == "\\data\\"
    raise ValueError("there is no \\end\\" if inside else "there is no \\data\\")


def _entry(line: str, length: int) -> tuple[Words, float, float]:
    """The words of an entry, its log probability and its weight of backing off, in nats."""
    chance, *rest = line.split()
    if not length or len(rest) not in (length, length + 1):
        raise ValueError(f"{line!r} is no entry of {length} words")
    back = float(rest[length]) if len(rest) > length else 0.0
    return tuple(rest[:length]), float(chance) * math.log(10), back * math.log(10)
