"""Built-in `stdlib-keywords`: guess the keyword that begins a line of the standard library.

Label is the first word of a line, text is the rest of it (6 to 70 characters). Files of one split
give no line to another, and no line stands twice. Where a row may have several labels, those are
all keywords of the whole line; where labels are numbers, how many words the text has.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

from zoo.data.builtin.text import library, library_files, split_of
from zoo.data.cache import cached
from zoo.data.rows import ListRows, digest
from zoo.data.sources.opened import Opened, Wanted

KEYWORDS = (
    *("if", "elif", "for", "while", "return", "import", "from", "def"),
    *("class", "raise", "with", "except", "assert", "del", "yield", "global"),
)
_LINE = re.compile(r"([a-z]+)\b\s*(.*)")
_WORD = re.compile(r"\w+")
_LENGTHS = range(6, 71)
_MOST = {"train": 1500, "validation": 150, "test": 150}  # lines of a class
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # of the files
_VERSION = 1


def open_keywords(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (at most 1,500 lines a class), validation and test (at most 150)."""
    fingerprint = digest("stdlib-keywords", _VERSION, sys.version, library_files())
    folder = cached(root, fingerprint, _build)
    rows = json.loads((folder / f"{split}.json").read_text())
    how = _several if wanted.several and wanted.classes else _first if wanted.classes else _words
    named = [{"text": text, "label": how(text, label)} for text, label in rows]
    labelled = ListRows(named, digest(fingerprint, split, how.__name__))
    return Opened(labelled, frozenset(range(16)), KEYWORDS)


def _first(text: str, label: int) -> int:
    return label


def _several(text: str, label: int) -> tuple[int, ...]:
    others = {KEYWORDS.index(word) for word in _WORD.findall(text) if word in KEYWORDS}
    return tuple(sorted({label, *others}))


def _words(text: str, label: int) -> tuple[float, ...]:
    return (float(len(_WORD.findall(text))),)


def _build(folder: Path) -> None:
    """Writes one JSON list of [text, label id] a split; all splits are made in one go."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, list[list[tuple[str, int]]]] = {s: [[] for _ in KEYWORDS] for s in _SHARES}
    for path in (path for path in library_files() if path.count("/") <= 1):
        for keyword, rest in _lines(path):
            if (keyword, rest) not in seen:
                seen.add((keyword, rest))
                label = KEYWORDS.index(keyword)
                found[split_of(path, _SHARES)][label].append((rest, label))
    for number, (split, by_class) in enumerate(found.items()):
        rng = np.random.default_rng([_VERSION, number])
        chosen = [rows[i] for rows in by_class for i in rng.permutation(len(rows))[: _MOST[split]]]
        mixed = [chosen[i] for i in rng.permutation(len(chosen))]
        (folder / f"{split}.json").write_text(json.dumps(mixed))


def _lines(path: str) -> list[tuple[str, str]]:
    """(keyword, rest) of every line of a file that begins with one of the keywords."""
    text = (library() / path).read_text(encoding="utf-8", errors="replace")
    matches = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    pairs = [(match[1], match[2]) for match in matches if match]
    return [pair for pair in pairs if pair[0] in KEYWORDS and len(pair[1]) in _LENGTHS]
