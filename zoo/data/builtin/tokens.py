"""Built-in `python-tokens`: what each word of a line of the standard library is.

Words are the tokens of a logical line (3 to 30 of them, and long strings are cut), tags are B- and
I- of what names in it stand for, found by a walk over the syntax: modules that are imported,
classes and functions that are defined with their parameters, dotted names that are called, and
arguments that are given by name. Each line has a tag, files of one split give no line to another,
and no line stands twice; modules that are single files are enough.
"""

import ast
import io
import json
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.data.builtin.text import library, library_files, split_of
from zoo.data.cache import cached
from zoo.data.reading.marked import BEGIN, INSIDE, OUTSIDE, tag_names
from zoo.data.rows import ListRows, digest
from zoo.data.sources.opened import Opened, Wanted

KINDS = ("ARGUMENT", "CALL", "CLASS", "FUNCTION", "MODULE", "PARAMETER")
_LENGTHS = range(3, 31)
_LONGEST = 12  # characters of a string
_LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # of the files
_VERSION = 1

Place = tuple[int, int]  # line from 1, column from 0 in characters


def open_tokens(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train (about 22,000 lines), validation (1,600) and test (2,200)."""
    fingerprint = digest("python-tokens", _VERSION, sys.version, library_files())
    folder = cached(root, fingerprint, _build)
    rows = json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))
    named = [{"tokens": tuple(words), "tags": tuple(tags)} for words, tags in rows]
    return Opened(ListRows(named, digest(fingerprint, split)), tag_names(KINDS))


def _build(folder: Path) -> None:
    """Writes one JSON list of [words, tags] a split; all splits are made in one go."""
    seen: set[tuple[str, ...]] = set()
    found: dict[str, list[tuple[list[str], list[str]]]] = {split: [] for split in _SHARES}
    for path in (path for path in library_files() if "/" not in path):
        try:
            text = (library() / path).read_text(encoding="utf-8")
            lines = list(tagged_lines(text))
        except (SyntaxError, UnicodeDecodeError, tokenize.TokenError):
            continue
        for words, tags in lines:
            if any(tag != OUTSIDE for tag in tags) and tuple(words) not in seen:
                seen.add(tuple(words))
                found[split_of(path, _SHARES)].append((words, tags))
    for split, rows in found.items():
        (folder / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")


def tagged_lines(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """(words, tags) of the logical lines of a file of a length that is taken."""
    begins, ends = _spans(text)
    words: list[str] = []
    tags: list[str] = []
    open_kind, until = "", (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            if len(words) in _LENGTHS:
                yield words, tags
            words, tags = [], []
        elif token.type not in _LAYOUT and token.string:
            kind = begins.get(token.start, "")
            if kind:
                open_kind, until = kind, ends[token.start]
            inside = open_kind and token.end <= until
            words.append(_word(token))
            tags.append((BEGIN if kind else INSIDE) + open_kind if inside else OUTSIDE)


def _word(token: tokenize.TokenInfo) -> str:
    """What a token is called: without blanks, and of a string its beginning."""
    plain = "".join(token.string.split())
    return plain[:_LONGEST] if token.type == tokenize.STRING else plain


def _spans(text: str) -> tuple[dict[Place, str], dict[Place, Place]]:
    """The kind of the name that begins at a place, and where it ends."""
    lines = text.splitlines()
    begins: dict[Place, str] = {}
    ends: dict[Place, Place] = {}

    for node in ast.walk(ast.parse(text)):
        for kind, place, name, before in _named(node):
            row, column = place.lineno, place.col_offset  # in bytes of UTF-8
            line = lines[row - 1]
            column = column if line.isascii() else len(line.encode()[:column].decode())
            if line.startswith(before + name, column):
                start = (row, column + len(before))
                begins[start], ends[start] = kind, (row, start[1] + len(name))
    return begins, ends


def _named(node: Any) -> Iterator[tuple[str, Any, str, str]]:
    """(kind, node, name, what stands between the node's beginning and the name) in a node."""
    if isinstance(node, ast.ClassDef):
        yield "CLASS", node, node.name, "class "
    elif isinstance(node, ast.FunctionDef):
        yield "FUNCTION", node, node.name, "def "
    elif isinstance(node, ast.AsyncFunctionDef):
        yield "FUNCTION", node, node.name, "async def "
    elif isinstance(node, ast.arg):
        yield "PARAMETER", node, node.arg, ""
    elif isinstance(node, ast.keyword) and node.arg:
        yield "ARGUMENT", node, node.arg, ""
    elif isinstance(node, ast.Import):
        yield from (("MODULE", alias, alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield "MODULE", node, "." * node.level + node.module, "from "
    elif isinstance(node, ast.Call) and (name := _dotted(node.func)):
        yield "CALL", node.func, name, ""


def _dotted(node: ast.expr) -> str:
    """A name with dots in it; nothing for another expression."""
    if isinstance(node, ast.Name):
        return node.id
    inner = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner else ""  # type: ignore[attr-defined]
