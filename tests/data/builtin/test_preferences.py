"""Built-in preferences: what is rejected, and rows of single answers."""

from pathlib import Path
from typing import Any

from zoo.data.builtin.preferences import open_preferences
from zoo.data.sources.opened import Wanted

PAIRS = Wanted((("prompt", "chosen", "rejected"),))
JUDGED = Wanted((("prompt", "completion", "label"),), flags=True)


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
