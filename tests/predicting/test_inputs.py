"""Words of the command line become rows; what is none is said under its name, the rest goes on."""

import io
import json
from pathlib import Path

import pytest

from zoo.predicting.inputs import Input, Refused, Wanted, inputs

TEXT = Wanted((("text", "text_pair"), ("text",)), {"text": "sentence"})
IMAGE = Wanted((("image",),), {})
PAIR = Wanted((("text", "text_pair"),), {})


def read(words, wanted=TEXT, stdin=""):
    return list(inputs([str(word) for word in words], wanted, io.StringIO(stdin)))


def test_a_word_is_a_text_or_the_file_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "two"
    path.write_text("first\nsecond\n")
    found = read(["a text", path, "and/or"])
    assert [one.row["text"] for one in found] == ["a text", "first", "second", "and/or"]
    assert [one.name for one in found] == ["a text", f"{path}:1", f"{path}:2", "and/or"]


def test_a_row_is_read_by_the_columns_of_training_or_by_role(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"sentence": "a", "label": 1}, {"text": "b", "text_pair": "c"}, {"text": 7}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = [one.row for one in read([path])]
    assert found == [{"text": "a"}, {"text": "b", "text_pair": "c"}, {"text": "7"}]


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t")])
def test_a_table_is_read_by_its_first_line(tmp_path: Path, suffix: str, separator: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    lines = (["id", "sentence"], ["1", '"a, b"'], ["2", "c"])
    path.write_text("".join(separator.join(line) + "\n" for line in lines))
    found = read([path])
    assert [(one.name, one.row["text"]) for one in found] == [
        (f"{path}:2", "a, b"),
        (f"{path}:3", "c"),
    ]


def test_standard_input_is_lines_of_texts_rows_or_paths(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    found = read(["-"], TEXT, 'plain\n{"text": "of a row"}\n')
    assert [one.row["text"] for one in found] == ["plain", "of a row"]
    assert read(["-"], IMAGE, f"{path}\n") == [Input(str(path), {"image": path})]


def test_paths_in_a_table_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    table = tmp_path / "rows.csv"
    table.write_text("image\na.png\nb.png\n")
    good, bad = read([table], IMAGE)
    assert good.row == {"image": tmp_path / "a.png"}
    assert bad == Refused(f"{table}:3", f"{tmp_path / 'b.png'}: no such file")


def test_what_is_no_input_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows, picture = tmp_path / "rows.jsonl", tmp_path / "a.png"
    rows.write_text('{"text": " "}\n{"text"\n[1]\n{"other": 1}\n{"text": [1]}\n{"text": "good"}\n')
    picture.write_bytes(b"\x89PNG\xff")
    found = read(["", "missing.txt", picture, rows, "x" * 5000])
    whys = [(one.name.rpartition("/")[2], one.why) for one in found if isinstance(one, Refused)]
    assert [name for name, _ in whys] == [
        *("", "missing.txt", "a.png"),
        *(f"rows.jsonl:{number}" for number in range(1, 6)),
    ]
    said = [why for _, why in whys]
    assert said[:4] == ["an empty text", "no such file", "no text in UTF-8", said[0]]
    assert said[4].startswith("no JSON") and said[5] == "no object with a value a column"
    assert said[6] == "a row of other; it needs sentence and text_pair or sentence"
    assert said[7] == "text: a list"
    assert [one.row["text"] for one in found if isinstance(one, Input)] == ["good", "x" * 5000]


def test_an_image_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    whys = [one.why for one in read([tmp_path, tmp_path / "no.png", ""], IMAGE)]
    assert whys == [
        f"{tmp_path}: a folder",
        f"{tmp_path / 'no.png'}: no such file",
        "an empty image",
    ]


def test_a_word_alone_cannot_be_a_pair() -> None:
    [found] = read(["alone"], PAIR)
    assert isinstance(found, Refused) and "text and text_pair are needed" in found.why
