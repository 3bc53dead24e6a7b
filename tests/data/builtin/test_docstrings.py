"""The built-in chats and what they are made of: heads and first sentences, each in one split."""

from pathlib import Path

import pytest

from zoo.data.builtin import docstrings
from zoo.data.builtin.chats import open_chats
from zoo.data.builtin.docstrings import Described, described, sentences
from zoo.data.sources.opened import Wanted
from zoo.recipe.vocabulary.kinds import KINDS

MODULE = '''
class Basket(dict):
    """Holds apples and pears. Nothing else."""

    def __len__(self):
        """How many fruits there are in it."""

    def put(self, fruit, *, gently=True):
        """Lays one fruit
        on top of the others.

        It must be clean."""

    def take(self):
        """Too short."""
'''


def test_a_head_and_the_first_sentence_of_its_docstring_are_taken() -> None:
    assert [*sentences(MODULE)] == [
        Described("class Basket(dict)", "Holds apples and pears."),
        Described("def put(self, fruit, *, gently=True)", "Lays one fruit on top of the others."),
    ]


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of a few files."""
    some = tuple(path for path in docstrings.library_files() if path < "d" and "/" not in path)
    monkeypatch.setattr(docstrings, "library_files", lambda: some)


@pytest.mark.usefixtures("few_files")
def test_no_sentence_is_in_two_splits_and_chats_ask_for_it_by_the_head(tmp_path: Path) -> None:
    seen: set[str] = set()
    for split in ("train", "validation", "test"):
        found = described(split, tmp_path)
        rows = open_chats(split, tmp_path, Wanted.of(KINDS["causal-lm"])).rows
        talks = [rows[index]["messages"] for index in range(len(rows))]
        assert [tuple(turn["content"] for turn in talk) for talk in talks] == found
        assert {tuple(turn["role"] for turn in talk) for talk in talks} <= {("user", "assistant")}
        texts = [text for one in found for text in one]
        assert len(set(texts)) == len(texts) and seen.isdisjoint(texts)
        seen.update(texts)
    assert len(seen) > 100
