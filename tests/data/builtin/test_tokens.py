"""The built-in words of Python: tags are what names stand for, splits share nothing."""

import ast
import json
from pathlib import Path

import pytest

from zoo.data.builtin import tokens
from zoo.data.builtin.tokens import open_tokens, tagged_lines
from zoo.data.sources.opened import Wanted
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.tasks.text.marked.entities import scheme_of

TEXT = """import os.path as p, re
from ..a.b import c
@wrap
class Thing(Base, metaclass=Meta):
    async def find(self, *names: str, é=None) -> int:
        é.call(x, sep="a b c d e f g h i j k l"); y = names . index(1)
        return self.all(self)[0](key=len(names))
"""
TAGGED = [
    [("MODULE", "os . path"), ("MODULE", "re")],
    [("MODULE", ". . a . b")],
    [("CLASS", "Thing"), ("ARGUMENT", "metaclass")],
    [
        ("FUNCTION", "find"),
        ("PARAMETER", "self"),
        ("PARAMETER", "names"),
        ("PARAMETER", "é"),
    ],
    [("CALL", "é . call"), ("ARGUMENT", "sep")],
    [("CALL", "self . all"), ("ARGUMENT", "key"), ("CALL", "len")],
]


def named(words: list[str], tags: list[str]) -> list[tuple[str, str]]:
    """The stretches of words with a tag."""
    found: list[tuple[str, str]] = []
    for word, tag in zip(words, tags, strict=True):
        if tag.startswith("B-"):
            found.append((tag[2:], word))
        elif tag != "O":
            assert found[-1][0] == tag[2:]
            found[-1] = (tag[2:], f"{found[-1][1]} {word}")
    return found


def test_tags_are_what_names_stand_for() -> None:
    assert ast.parse(TEXT)
    lines = [*tagged_lines(TEXT)]
    assert [one for words, tags in lines if (one := named(words, tags))] == TAGGED
    assert '"abcdefghijk' in lines[4][0] and not any(" " in word for word in lines[4][0])


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of a few files."""
    some = tuple(path for path in tokens.library_files() if path < "b" and "/" not in path)
    monkeypatch.setattr(tokens, "library_files", lambda: some)


@pytest.mark.usefixtures("few_files")
def test_lines_are_in_one_split_and_have_a_tag(tmp_path: Path) -> None:
    wanted = Wanted.of(KINDS["token-classification"])
    parts = {s: open_tokens(s, tmp_path, wanted) for s in ("train", "validation", "test")}
    lines = [json.dumps(p.rows[i]["tokens"]) for p in parts.values() for i in range(len(p.rows))]
    assert len(lines) == len(set(lines)) > 1000
    for part in parts.values():
        rows = [part.rows[i] for i in range(len(part.rows))]
        assert len(rows) > 20
        assert all(3 <= len(row["tokens"]) == len(row["tags"]) <= 30 for row in rows)
        assert all(set(row["tags"]) - {"O"} for row in rows)
        assert {tag for row in rows for tag in row["tags"]} <= part.label_values
        assert scheme_of(part.label_values, [row["tags"] for row in rows]) == "iob2"
