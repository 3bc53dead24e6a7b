"""Tables and documents in the dialects that are met: read right, or said what is wrong."""

import json
from typing import Any

import pytest

from tests.data.sources.reading import rows_of, said

CLASSIFY, CHAT = "sequence-classification", "causal-lm"


def test_a_tsv_knows_no_quotes_and_a_csv_does(opened: Any) -> None:
    tabs = opened(CLASSIFY, "train.tsv", 'text\tlabel\n"a\tb"\n5" pipe\tx\r\n').train
    assert [row["text"] for row in rows_of(tabs)] == ['"a', '5" pipe']
    commas = opened(CHAT, "train.csv", 'text\n"a\n""b"", c"\n5" pipe\n').train
    assert rows_of(commas) == [{"text": 'a\n"b", c'}, {"text": '5" pipe'}]
    assert "a quote that opens on line 3 and never closes" in said(
        opened, CHAT, "train.csv", 'text\nfine\n"a\nb\n'
    )


@pytest.mark.parametrize(("name", "mark"), [("train.csv", ","), ("train.tsv", "\t")])
def test_a_header_may_name_twice_what_nobody_reads(name: str, mark: str, opened: Any) -> None:
    file = "text,note,label,note\na,1,x,2\n".replace(",", mark)
    assert rows_of(opened(CLASSIFY, name, file).train) == [{"text": "a", "label": 0}]
    assert "a header that names label twice" in said(
        opened, CLASSIFY, name, file.replace("note", "label", 1)
    )


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_csv_whose_header_has_no_comma_is_split_where_it_is(mark: str, opened: Any) -> None:
    file = "\ufefftext;label\nx, y;a\nz;b\n".replace(";", mark)
    source = opened(CLASSIFY, "train.csv", file)
    assert source.labels == ("a", "b")
    assert rows_of(source.train)[0] == {"text": "x, y", "label": 0}
    one = opened(CHAT, "train.csv", f"text\na{mark}b\n").train
    assert rows_of(one) == [{"text": f"a{mark}b"}]


ROWS = [{"text": "x", "label": "a"}, {"text": "y", "label": "b"}]
DOCUMENTS = {
    "a list": ROWS,
    "a list under a key": {"version": "1.1", "data": ROWS, "empty": []},
    "columns": {"text": ["x", "y"], "label": ["a", "b"]},
}


@pytest.mark.parametrize("shape", DOCUMENTS)
@pytest.mark.parametrize("indent", [None, 1])
def test_a_document_of_json_holds_its_rows_in_any_usual_shape(
    indent: int | None, shape: str, opened: Any
) -> None:
    source = opened(CLASSIFY, "train.json", json.dumps(DOCUMENTS[shape], indent=indent))
    assert rows_of(source.train) == [{"text": "x", "label": 0}, {"text": "y", "label": 1}]


def test_json_under_the_name_of_its_sibling_is_read_as_what_it_is(opened: Any) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    assert len(opened(CLASSIFY, "train.json", lines).train) == 2
    assert len(opened(CLASSIFY, "train.jsonl", "\n" + json.dumps(ROWS, indent=1)).train) == 2
    assert len(opened(CLASSIFY, "train.jsonl", "\ufeff" + json.dumps(ROWS)).train) == 2


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ('{"a": [{}], "b": [{}], "c": 1}', "an object of a, b, c; rows are a list of objects"),
        ("7", "a number, no list of objects"),
        ('["text"]', "row 1 (text, no object)"),
        ("{", "Expecting property name"),
        ("[" * 99_999, "train.json ("),
    ],
)
def test_a_document_that_holds_no_rows_says_what_it_holds(
    document: str, why: str, opened: Any
) -> None:
    message = said(opened, CLASSIFY, "train.json", document)
    assert "data.train" in message
    assert why in message


def test_numbers_of_json_keep_their_characters_and_nan_is_nothing(opened: Any) -> None:
    file = '{"text": 1.50, "label": 1e2}\n{"text": true, "label": 007}\n{"text": NaN, "label": 1}\n'
    file += '{"text": 12345678901234567890123, "label": false}'
    source = opened(CLASSIFY, "train.jsonl", file)
    found = rows_of(source.train)
    assert [row["text"] for row in (found[0], found[3])] == ["1.50", "12345678901234567890123"]
    assert source.labels == ("1e2", "false")
    assert found[1].startswith("line 2 (no JSON")
    assert found[2] == "line 3 (no text)"
