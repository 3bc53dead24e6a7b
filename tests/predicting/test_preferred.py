"""Rows of preferences as questions: what is asked of them, and which answers the data has."""

from typing import Any

import pytest

from zoo.predicting.generation import Continuation

ASKED = {"role": "user", "content": "hi"}
GOOD, BAD = ({"role": "assistant", "content": one} for one in ("yes", "no"))
CHAT, TEXT = {"messages": [ASKED]}, {"prompt": "hi"}
WHOLE = {"chosen": "hi yes", "rejected": "hi no"}
WANTED = {"completion": "yes", "label": 1}
BOTH: dict[str, Any] = {"chosen": "yes", "rejected": "no"}


@pytest.mark.parametrize(
    ("row", "asked", "rest"),
    [
        ({"prompt": "hi", "chosen": "yes", "rejected": "no"}, TEXT, BOTH),
        (
            {"chosen": "hi yes", "rejected": "hi no"},
            TEXT,
            {"chosen": "hi yes", "rejected": "hi no"},
        ),
        ({"prompt": "hi", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]}, CHAT, BOTH),
        (
            {"prompt": [ASKED], "completion": [GOOD], "label": 1},
            CHAT,
            {"completion": "yes", "label": 1},
        ),
        ({"prompt": "hi", "completion": "no", "label": 0}, TEXT, {"completion": "no", "label": 0}),
        ({"prompt": "hi"}, TEXT, {}),
    ],
    ids=["texts", "whole texts", "chats", "a wanted answer", "an unwanted one", "a prompt"],
)
def test_what_is_asked_of_a_row_is_its_prompt_and_the_rest_are_its_answers(
    row: Any, asked: Any, rest: Any
) -> None:
    predictor = object.__new__(Continuation)  # without a model: rows alone are looked at
    assert predictor.parted(row, 0) == (asked, rest)
