"""What the standard library says of itself: the head of a function or class, and the first sentence
of its docstring.
"""

import ast
import json
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from zoo.data.builtin.text import library, library_files, split_of
from zoo.data.cache import cached
from zoo.data.rows import digest

_HEADS, _SENTENCES = range(8, 57), range(20, 71)  # characters: 128 with both ends
_LEAST = 4  # words of a sentence
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # of the files
_VERSION = 1
_END = re.compile(r"(?<=[.!?])\s")


class Described(NamedTuple):
    """A head such as `def quote(text)`, and what it is for."""

    head: str
    sentence: str


def described(split: str, root: Path) -> list[Described]:
    """Those of one of train, validation and test; files of one give no head and no sentence to
    another, and none stands twice.
    """
    fingerprint = digest("docstrings", _VERSION, sys.version, library_files())
    folder = cached(root, fingerprint, _build)
    found = json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))
    return [Described(*one) for one in found]


def _build(folder: Path) -> None:
    """Writes one JSON list of [head, sentence] a split."""
    seen: set[str] = set()
    splits: dict[str, list[Described]] = {split: [] for split in _SHARES}
    for path in library_files():
        try:
            text = (library() / path).read_text(encoding="utf-8")
            here = list(sentences(text))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for one in here:
            if seen.isdisjoint(one):
                seen.update(one)
                splits[split_of(path, _SHARES)].append(one)
    for split, rows in splits.items():
        (folder / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")


def sentences(text: str) -> Iterator[Described]:
    """The functions and classes of a module whose docstring begins with a sentence on a few words;
    special ones (`__init__`) are left out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library's own strings are warned of
        tree = ast.parse(text)
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        said = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
        sentence, head = _END.split(said)[0], _head(node)
        fits = len(head) in _HEADS and len(sentence) in _SENTENCES
        words = len(sentence.split()) >= _LEAST and (head + sentence).isascii()
        if fits and words and not node.name.startswith("__") and sentence[0].isalpha():
            yield Described(head, sentence)


def _head(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """The line that defines it, without the words `async` and `:`."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    return f"def {node.name}({ast.unparse(node.args)})"
