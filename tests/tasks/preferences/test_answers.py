"""Prompts with answers: which turns are whose, and what is cut where they are too long."""

from typing import Any

import pytest

from zoo.data.rows import CorruptExample, ListRows
from zoo.tasks.preferences.answers import (
    OTHER,
    WithOthers,
    answered,
    conversations,
    fitted_alike,
    holds_chats,
    parted,
)
from zoo.tasks.text.chats.templates import shipped
from zoo.tasks.text.encoding import Speller
from zoo.tasks.text.vocabulary import CHAT, byte_tokenizer


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


ASKED, AGAIN = turn("user", "hi"), turn("user", "again")
GOOD, BAD = turn("assistant", "yes"), turn("assistant", "no")


@pytest.fixture
def speller() -> Speller:
    tokenizer = byte_tokenizer(CHAT)
    tokenizer.chat_template = shipped("chatml")
    return Speller.of(tokenizer)


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [
        ("hi", [[GOOD], [BAD]]),
        ([ASKED], [[GOOD], [BAD]]),
        ([ASKED], ["yes", "no"]),
        ("hi", [[ASKED, GOOD], [ASKED, BAD]]),
        (None, [[ASKED, GOOD], [ASKED, BAD]]),
    ],
    ids=["words before turns", "turns apart", "turns before words", "both", "whole chats"],
)
def test_a_prompt_and_its_answers_are_the_same_chats_however_they_are_written(
    prompt: Any, answers: Any
) -> None:
    assert conversations(prompt, answers) == ([[ASKED, GOOD], [ASKED, BAD]], 1)


def test_texts_without_a_prompt_begin_with_the_words_that_they_share() -> None:
    said = ["\n\nHuman: Why? Assistant: I can't.", "\n\nHuman: Why? Assistant: In fact."]
    assert parted(said) == ("\n\nHuman: Why? Assistant:", [" I can't.", " In fact."])
    for apart in (["yes", "no"], ["yesterday", "yes"]):
        with pytest.raises(CorruptExample, match="a prompt"):
            parted(apart)


def test_only_what_differs_of_two_chats_is_learned(speller: Speller) -> None:
    before = [ASKED, GOOD, AGAIN]
    sides = answered(speller, None, [[*before, GOOD], [*before, BAD]])
    said = [
        speller.tokenizer.decode([i for i, mark in zip(*side, strict=True) if mark])
        for side in sides
    ]
    assert said == ["yes<|im_end|>\n", "no<|im_end|>\n"]


def test_equal_answers_are_answers_all_the_same() -> None:
    assert conversations(None, [[ASKED, GOOD]] * 2)[1] == 1


@pytest.mark.parametrize(
    "answers", [[[GOOD], [BAD]], [[ASKED, GOOD], [AGAIN, BAD]], [[ASKED, GOOD]]],
    ids=["no prompt", "other prompts", "one whole chat"],
)  # fmt: skip
def test_answers_that_share_no_prompt_are_corrupt(answers: Any) -> None:
    with pytest.raises(CorruptExample):
        conversations(None, answers)


def test_both_answers_keep_the_same_end_of_their_prompt() -> None:
    long, short = (list(range(20)), [False] * 10 + [True] * 10), ([*range(10), 99], [False] * 11)
    short[1][10] = True
    (first, marks), (second, others) = fitted_alike([long, short], 14, opening=1)
    assert first == [0, 7, 8, 9, *range(10, 20)] and sum(marks) == 10
    assert second == [0, 7, 8, 9, 99] and sum(others) == 1


def test_an_answer_that_is_too_long_loses_its_end_and_leaves_half_to_the_prompt() -> None:
    side = (list(range(30)), [False] * 10 + [True] * 20)
    ((ids, marks),) = fitted_alike([side], 8, opening=0)
    assert ids == [6, 7, 8, 9, 10, 11, 12, 13] and sum(marks) == 4


def test_what_fits_stays_as_it_is() -> None:
    side = ([5, 6, 7], [False, True, True])
    assert fitted_alike([side, side], 3, opening=0) == [side, side]


def test_another_rows_answer_is_that_of_the_next_that_has_one() -> None:
    class Broken(ListRows):
        def value(self, index: int, role: str) -> Any:
            if index == 1:
                raise CorruptExample("broken")
            return super().value(index, role)

    answers = ["a", "b", [GOOD, GOOD], [ASKED, GOOD], "c"]
    rows = WithOthers(Broken([{"prompt": "", "completion": c, "label": 1} for c in answers], "x"))
    assert [rows[index][OTHER] for index in (0, 2, 4)] == ["c", "c", "a"]
    alone = WithOthers(ListRows([{"prompt": "", "completion": "a", "label": 1}], "y"))
    assert alone[0][OTHER] == "a"


def test_chats_are_told_from_texts() -> None:
    text = ListRows([{"prompt": "a", "chosen": "b", "rejected": "c"}], "text")
    chats = ListRows([{"chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]}], "chats")
    assert not holds_chats([text]) and holds_chats([chats]) and not holds_chats([ListRows([], "")])
