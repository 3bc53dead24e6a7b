"""Columns of chats as others name and fill them: what is optional may be missing in a row."""

import json
from typing import Any

import pytest

from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError

TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


def test_rows_without_tools_or_input_are_read_beside_those_with_them(opened: Any) -> None:
    rows = [{"messages": TALK, "tools": [{"name": "f"}]}, {"messages": TALK, "tools": None}]
    found = opened("causal-lm", "rows.jsonl", "\n".join(map(json.dumps, rows))).train
    assert [found[index]["tools"] for index in range(2)] == [[{"name": "f"}], None]
    assert not found.unreadable()
    said = [
        {"instruction": "x", "input": "y", "output": "z"},
        {"instruction": "x", "input": "", "output": "z"},
        {"instruction": "x", "input": "y", "output": ""},
    ]
    found = opened("causal-lm", "rows.json", json.dumps(said)).train
    assert [found[index]["input"] for index in range(2)] == ["y", None]
    with pytest.raises(CorruptExample, match="no output"):
        found[2]
    assert found.lengths().tolist() == [3.0, 2.0, 2.0]


def test_sharegpts_column_is_proposed_for_the_messages(opened: Any) -> None:
    talk = json.dumps([{"conversations": [{"from": "human", "value": "a"}]}])
    said = "data.columns.messages.*did you mean data.columns.messages=conversations"
    with pytest.raises(ConfigError, match=said):
        opened("causal-lm", "rows.json", talk)


def test_columns_that_are_named_are_read_before_a_text_beside_them(opened: Any) -> None:
    row = json.dumps([{"text": "all of it", "instruction": "x", "output": "z"}])
    assert opened("causal-lm", "rows.json", row).train.roles == {"text"}
    named = {"instruction": "instruction"}
    found = opened("causal-lm", "rows.json", row, columns=named).train
    assert found.roles == {"instruction", "output"}
