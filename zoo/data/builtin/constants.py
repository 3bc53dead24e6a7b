"""Built-in `constants`: what a name of the standard library stands for, found among its lines.

The question is a name, the context two or three lines `name = value`, the answer the value. Names
and values are those of one-line assignments, split by file; names of validation and test are of
none of the others. Training rows are a virtual set: of each the lines, and which value goes with
which name, are drawn from its index alone, so that a value's looks do not tell its name (without
that a small BERT guesses).
"""

import ast
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zoo.data.builtin.text import library, library_files, split_of
from zoo.data.cache import cached
from zoo.data.rows import Row, Rows, digest
from zoo.data.sources.opened import Opened, Wanted

_LINES = (2, 4)  # of a context: 2 or 3
_LONGEST = 30  # characters of a value
_ROWS = 40_000
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # of the files
_VERSION = 1


class ConstantRows(Rows):
    """Questions of one split, each made from its index; one a name outside of training."""

    roles = frozenset({"question", "context", "answers"})

    def __init__(self, split: str, names: list[str], values: list[str]) -> None:
        self.number, self.training = list(_SHARES).index(split), split == "train"
        self.names, self.values = names, values
        self.fingerprint = digest("constants", _VERSION, split, names, values)

    def __len__(self) -> int:
        return _ROWS if self.training else len(self.names)

    def __getitem__(self, index: int) -> Row:
        rng = np.random.default_rng([_VERSION, self.number, index])
        count = int(rng.integers(*_LINES))
        drawn = rng.choice(len(self.names), count, replace=False).tolist()
        if not self.training:  # its own line, among others
            drawn = [index, *(place for place in drawn if place != index)][:count]
        names = [self.names[place] for place in drawn]
        dealt = rng.integers(len(self.values), size=count).tolist() if self.training else drawn
        values = [self.values[place] for place in dealt]
        order = rng.permutation(count).tolist()
        lines = [f"{names[n]} = {values[n]}" for n in order]
        before = sum(len(line) + 1 for line in lines[: order.index(0)])
        answer = (before + len(names[0]) + len(" = "), values[0])
        return {"question": names[0], "context": "\n".join(lines), "answers": (answer,)}


def open_constants(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (40,000 virtual questions), validation and test (some hundreds)."""
    fingerprint = digest("constants", _VERSION, sys.version, library_files())
    folder = cached(root, fingerprint, _build)
    found = json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))
    return Opened(ConstantRows(split, found["names"], found["values"]))


def _build(folder: Path) -> None:
    """Writes names and values of each split: of training all, elsewhere a value a name."""
    named: dict[str, dict[str, str]] = {split: {} for split in _SHARES}  # '': no value to ask for
    for path in library_files():
        try:
            text = (library() / path).read_text(encoding="utf-8")
            found = list(assigned(text))
        except (SyntaxError, UnicodeDecodeError):
            continue
        here = named[split_of(path, _SHARES)]
        for name, value in found:
            here[name] = here.get(name) or value
    seen = set(named["train"])
    for split, pairs in named.items():
        if split != "train":
            pairs = {name: v for name, v in pairs.items() if v and name not in seen}
            seen.update(pairs)
        values = [pairs[name] for name in sorted(pairs)]
        content = {"names": sorted(pairs), "values": [value for value in values if value]}
        (folder / f"{split}.json").write_text(json.dumps(content), encoding="utf-8")


def assigned(text: str) -> Iterator[tuple[str, str]]:
    """(name, value as it is written) of the assignments to one name; nothing where the value is
    no literal and no name, or not on its line.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library's own strings are warned of
        tree = ast.parse(text)
    lines = text.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        value, line = node.value, lines[node.lineno - 1]
        plain = isinstance(value, ast.Constant | ast.Name) and line.isascii()
        plain &= len(node.targets) == 1 and value.lineno == value.end_lineno == node.lineno
        written = line[value.col_offset : value.end_col_offset] if plain else ""
        fits = len(written) <= _LONGEST and any(letter.isalnum() for letter in written)
        yield node.targets[0].id, written if fits else ""
