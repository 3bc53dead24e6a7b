"""Built-in docstrings and the preferences made of them: the same every time, honest splits."""

from pathlib import Path
from typing import Any

import pytest

from zoo.data.builtin.docstrings import Described, described, sentences
from zoo.data.builtin.preferences import open_preferences
from zoo.data.sources.opened import Wanted

SPLITS = ("train", "validation", "test")
PAIRS = Wanted((("prompt", "chosen", "rejected"),))
JUDGED = Wanted((("prompt", "completion", "label"),), flags=True)
MODULE = '''
def quote(text, *, safe="/"):
    """Return the text with
    special characters replaced.  More is said.

    And more still.
    """

class Reader(Base):
    """Reads one thing after the other"""
    def __init__(self): "This is not said of anything."
    async def next(self): "Too short."
'''


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_heads_stand_with_the_first_sentence_of_what_is_said_of_them() -> None:
    found = sorted(sentences(MODULE))
    quoted = "Return the text with special characters replaced."
    assert found == [
        Described("class Reader(Base)", "Reads one thing after the other"),
        Described("def quote(text, *, safe='/')", quoted),
    ]


def test_no_head_and_no_sentence_stands_in_two_splits(cache: Path) -> None:
    found = {split: described(split, cache) for split in SPLITS}
    every = [part for rows in found.values() for row in rows for part in row]
    assert len(set(every)) == len(every)
    assert len(found["train"]) > 2000 and min(len(found[one]) for one in SPLITS[1:]) > 100


def test_the_rejected_answer_has_the_words_of_the_chosen_one_in_another_order(cache: Path) -> None:
    rows = open_preferences("validation", cache, PAIRS).rows
    again = open_preferences("validation", cache, PAIRS).rows
    for index in range(len(rows)):
        row: Any = rows[index]
        assert row["chosen"] != row["rejected"] and row == again[index]
        assert sorted(row["chosen"].split()) == sorted(row["rejected"].split())
        assert max(len(row["prompt"] + row[one]) for one in ("chosen", "rejected")) <= 127


def test_single_answers_are_both_of_each_pair(cache: Path) -> None:
    pairs = open_preferences("validation", cache, PAIRS).rows
    rows = open_preferences("validation", cache, JUDGED).rows
    assert len(rows) == 2 * len(pairs) and rows.fingerprint != pairs.fingerprint
    assert [rows[index]["label"] for index in (0, 1)] == [1, 0]
    assert rows[1]["completion"] == pairs[0]["rejected"]
