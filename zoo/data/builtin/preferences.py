"""Built-in `docstring-preferences`: what a function is for, rather than the same words mixed up.

The prompt is the head of a function or class of the standard library, the chosen answer the first
sentence of its docstring, the rejected one the words of that sentence in another order, drawn from
the row's index. Where rows are single answers, each of the two is one, with its label.

Not the answer of another row: to know it one must know what words mean, and a model that begins
with nothing does not in minutes (0.63 of rows that it has not seen, where mixed words give 0.86).
"""

from pathlib import Path

import numpy as np

from zoo.data.builtin.docstrings import Described, described
from zoo.data.rows import ListRows, Row, digest
from zoo.data.sources.opened import Opened, Wanted

_VERSION = 1


def open_preferences(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train, validation and test: some thousands, and some hundreds of pairs."""
    found = described(split, root)
    pairs = [pair for number, one in enumerate(found) if (pair := _pair(number, one))]
    judged = "label" in wanted.roles
    rows = [answer for pair in pairs for answer in _answers(pair)] if judged else pairs
    return Opened(ListRows(rows, digest("docstring-preferences", _VERSION, judged, found)))


def _pair(number: int, one: Described) -> Row | None:
    """A pair; None where the words are the same in any order."""
    words = one.sentence.split()
    if len(set(words)) < 2:
        return None
    rng, mixed = np.random.default_rng([_VERSION, number]), words
    while mixed == words:
        mixed = [words[place] for place in rng.permutation(len(words))]
    return {"prompt": f"{one.head}\n", "chosen": one.sentence, "rejected": " ".join(mixed)}


def _answers(pair: Row) -> list[Row]:
    """The two answers of a pair, each with whether it is wanted."""
    sides = ((pair["chosen"], 1), (pair["rejected"], 0))
    return [{"prompt": pair["prompt"], "completion": one, "label": label} for one, label in sides]
