"""Chats come in several shapes; those that are none, or in disorder, are corrupt rows."""

import json

import pytest

from zoo.data.rows import CorruptExample
from zoo.tasks.text.chats.shapes import chat_of, refuse_disorder, turns_of

SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "hot?"},
    {"from": "function_call", "value": json.dumps({"name": "t", "arguments": {"of": "x"}})},
    {"from": "observation", "value": "31"},
    {"from": "gpt", "value": "Yes."},
]


def test_sharegpts_messages_are_the_same_chat():
    call = {"type": "function", "function": {"name": "t", "arguments": {"of": "x"}}}
    wanted = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hot?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "31"},
        {"role": "assistant", "content": "Yes."},
    ]
    assert turns_of(SHAREGPT) == turns_of(json.dumps(SHAREGPT)) == wanted
    refuse_disorder(wanted)


def test_an_instruction_asks_and_an_output_answers():
    row = {"instruction": "Name one.", "output": "Leek."}
    assert chat_of(row) == (
        [{"role": "user", "content": "Name one."}, {"role": "assistant", "content": "Leek."}],
        None,
    )
    turns, _ = chat_of({**row, "input": "soup"}) or ([], None)
    assert turns[0]["content"] == "Name one.\n\nsoup"
    assert chat_of({"prompt": "a", "completion": "b"}) is None


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ("user user", "message 2 is user after user"),
        ("user assistant assistant", "message 3 is assistant after assistant"),
        ("assistant user", "message 1 is assistant first"),
        ("system assistant", "message 2 is assistant first"),
        ("user system assistant", "message 2 is system after user"),
        ("system system user", "message 2 is system"),
        ("user tool", "message 2 is tool after user"),
    ],
)
def test_turns_in_a_wrong_order_are_a_corrupt_row(roles, said):
    with pytest.raises(CorruptExample, match=said):
        refuse_disorder([{"role": role} for role in roles.split()])


@pytest.mark.parametrize(
    "roles",
    ["user assistant", "system user assistant user", "user assistant tool tool assistant user",
     "documents user assistant"],
)  # fmt: skip
def test_turns_as_in_a_talk_are_not(roles):
    refuse_disorder([{"role": role} for role in roles.split()])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"messages": SHAREGPT, "tools": "{}"}, "tools that are a dict"),
        ({"messages": SHAREGPT, "tools": "t"}, "tools that is a text, and no JSON"),
        ({"messages": [{"from": "function_call", "value": "t()"}]}, "no JSON"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "without a name"),
        ({"messages": [{"role": "assistant", "tool_calls": "t"}]}, "not a list"),
    ],
)
def test_tools_that_are_none_are_corrupt_rows(row, said):
    with pytest.raises(CorruptExample, match=said):
        chat_of(row)
