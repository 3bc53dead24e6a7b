"""What stands in a file is what is learned: characters of every format, and rows that are none."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
from PIL import Image

from tests.data.sources.reading import rows_of, said
from tests.data.sources.shards.making import clip
from zoo.data.rows import CorruptExample
from zoo.data.source import open_source
from zoo.errors import ConfigError

CLASSIFY, CHAT, LOOK, HEAR = "sequence-classification", "causal-lm", "image-classification", "ctc"
WORDS = ["007", "1e5", "true", "1.10", "NA", "null", " a ", "x"]


def columns_csv(words: list[str]) -> str:
    return "text,label\n" + "".join(f'"{word}",{word.strip()}\n' for word in words)


def columns_tsv(words: list[str]) -> str:
    return "text\tlabel\n" + "".join(f"{word}\t{word.strip()}\n" for word in words)


def columns_jsonl(words: list[str]) -> str:
    return "".join(json.dumps({"text": w, "label": w.strip()}) + "\n" for w in words)


WRITERS = {"csv": columns_csv, "tsv": columns_tsv, "jsonl": columns_jsonl}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("before", [0, 12_000])
def test_texts_and_labels_are_the_characters_of_the_file(
    before: int, suffix: str, opened: Any
) -> None:
    words = [str(number % 10) for number in range(before)] + WORDS
    source = opened(CLASSIFY, f"train.{suffix}", WRITERS[suffix](words))
    last = [source.train[index] for index in range(before, len(words))]
    assert [row["text"] for row in last] == WORDS
    assert [source.labels[row["label"]] for row in last] == [word.strip() for word in WORDS]


def test_a_column_of_parquet_is_text_whatever_its_type(tmp_path: Path, make_recipe: Any) -> None:
    numbers = pyarrow.table({"text": [1, 20, 300], "label": [1.0, None, 10.0]})
    words = pyarrow.table({"text": ["007", "1e5", b"\xff"], "label": [True, False, None]})
    pyarrow.parquet.write_table(numbers, tmp_path / "train.parquet")
    files = {"source": "files", "folder": str(tmp_path), "max_corrupt": 1}
    source = open_source(make_recipe(CLASSIFY, **files))
    found = rows_of(source.train)
    assert source.labels == ("1", "10")
    assert [found[0], found[2]] == [{"text": "1", "label": 0}, {"text": "300", "label": 1}]
    assert found[1] == "row 2 (no label)"
    words = words.set_column(0, "text", [["007", "1e5", "true"]])
    pyarrow.parquet.write_table(words, tmp_path / "train.parquet")
    source = open_source(make_recipe(CLASSIFY, **files))
    assert source.labels == ("false", "true")
    assert rows_of(source.train)[:2] == [{"text": "007", "label": 1}, {"text": "1e5", "label": 0}]


def test_class_names_that_parquet_brings_name_its_ids_and_minus_one_is_no_label(
    tmp_path: Path, make_recipe: Any
) -> None:
    label = datasets.ClassLabel(names=["dog", "cat"])
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": -1}, {"text": "c", "label": 0}]
    folder = tmp_path / "set"
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "train.parquet")
    for source, key in (("files", "folder"), ("hub", "name")):
        found = {"source": source, key: str(folder)}
        opened = open_source(make_recipe(CLASSIFY, **found, max_corrupt=1))
        assert opened.labels == ("dog", "cat")
        one, none, other = rows_of(opened.train)
        assert (one["label"], other["label"]) == (1, 0)
        assert none.endswith("(no label)")
        with pytest.raises(ConfigError, match=r"data\.max_corrupt: found 1 .*\(no label\)"):
            open_source(make_recipe(CLASSIFY, **found))


CORRUPT = {
    "csv": 'text,label\nx,0\n,0\ny,\nz,1,2\nonly\n"q"w,1\n\xff,1\nlast,1\n',
    "tsv": 'text\tlabel\nx\t0\n\t0\ny\t\nz\t1\t2\nonly\n"qw\t1\n\xff\t1\nlast\t1\n',
    "jsonl": '{"text": "x", "label": 0}\n{"text": "", "label": 0}\n{"text": "y", "label": null}\n'
    '{"text": "z"}\n{"label": 1}\n{"text": ["q"], "label": 1}\n{"text": "\\ud800", "label": 1}\n'
    '7\n{"text": [], "label": {}}\n{broken\n{"text": "last", "label": 1, "more": {"a": 1}}\n',
}
WHY = {
    "csv": {
        3: "no text",
        4: "no label",
        5: "3 fields for 2 columns",
        6: "no label",
        7: "',' expected after '\"'",
        8: "text: not UTF-8",
    },
    "tsv": {
        3: "no text",
        4: "no label",
        5: "3 fields for 2 columns",
        6: "no label",
        8: "text: not UTF-8",
    },
    "jsonl": {
        2: "no text",
        3: "no label",
        4: "no label",
        5: "no text",
        6: "text: a list",
        7: "text: not UTF-8",
        8: "a number, no object",
        9: "text: a list; label: an object",
        10: "no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    },
}


@pytest.mark.parametrize("suffix", CORRUPT)
def test_rows_that_lack_something_are_corrupt_named_and_counted(suffix: str, opened: Any) -> None:
    file = CORRUPT[suffix].encode("latin-1")
    source = opened(CLASSIFY, f"train.{suffix}", file)
    found = rows_of(source.train)
    assert source.labels == ("0", "1")
    assert [row["text"] for row in (found[0], found[-1])] == ["x", "last"]
    wrong = [row for row in found if isinstance(row, str)]
    assert wrong == [f"line {line} ({why})" for line, why in WHY[suffix].items()]
    allowed = len(wrong) - 1
    message = said(opened, CLASSIFY, f"train.{suffix}", file, max_corrupt=allowed)
    assert f"data.max_corrupt: found {len(wrong)} corrupt examples: " in message
    assert all(why in message for why in WHY[suffix].values())
    assert f"allowed: {allowed} at most; did you mean data.max_corrupt=" in message


def test_a_column_that_nobody_reads_may_hold_anything(opened: Any) -> None:
    lines = [{"text": "a", "label": 1, "image": 5, "prompt": None, "x": [{}]} for _ in range(2)]
    lines[1].update(image=None, prompt={"y": 1}, x="z")
    file = "\n".join(map(json.dumps, [*lines, {"text": "b", "label": "no"}]))
    source = opened(CLASSIFY, "train.jsonl", file, max_corrupt=0)
    assert source.train.roles == {"text", "label"}
    assert len(rows_of(source.train)) == 3
    assert opened(CHAT, "train.jsonl", file, max_corrupt=0).train.roles == {"text"}


def test_columns_that_are_missing_are_named_with_those_that_are_there(opened: Any) -> None:
    message = said(opened, CLASSIFY, "train.csv", "Text,class\nx,a\n")
    text, label = message.split("\n")
    assert "data.columns.text: found no column text in train.csv" in text
    assert (
        "allowed: the one that it is, of Text, class; did you mean data.columns.text=Text?" in text
    )
    assert "data.columns.label: found no column label in train.csv" in label


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json", "parquet"])
@pytest.mark.parametrize("name", ["list", "metadata"])
def test_relative_paths_start_where_their_own_manifest_lies(
    name: str, suffix: str, tmp_path: Path, make_recipe: Any
) -> None:
    column = "audio" if name == "list" else "file_name"
    for speaker, level in (("a [1]", 0.1), ("b", 0.2)):
        folder = tmp_path / speaker
        folder.mkdir()
        soundfile.write(folder / "0.wav", np.full(800, level, np.float32), 8000)
        table = datasets.Dataset.from_list([{column: "0.wav", "transcript": speaker}])
        write = {"csv": table.to_csv, "parquet": table.to_parquet}.get(suffix, table.to_json)
        options = {"lines": suffix == "jsonl"} if suffix.startswith("json") else {}
        if suffix == "tsv":
            write, options = table.to_csv, {"sep": "\t"}
        write(folder / f"{name}.{suffix}", **options)
    files = {"source": "files", "folder": str(tmp_path), "train": f"*/{name}.{suffix}"}
    rows = open_source(make_recipe(HEAR, **files)).train
    found = {row["transcript"]: round(float(row["audio"].mean()), 2) for row in rows_of(rows)}
    assert found == {"a [1]": 0.1, "b": 0.2}


@pytest.mark.parametrize("value", [5, [0.5], {"array": [0.5]}, None, "", "gone.png", "~no/x", "\0"])
def test_what_is_no_image_is_a_corrupt_row(value: Any, tmp_path: Path, opened: Any) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "0.png")
    lines = [{"image": "0.png", "label": 0}, {"image": value, "label": 1}]
    rows = opened(LOOK, "train.jsonl", "\n".join(map(json.dumps, lines))).train
    good, bad = rows_of(rows)
    assert good["label"] == 0
    assert isinstance(bad, str) and bad


def test_chats_come_back_as_they_were_written(opened: Any) -> None:
    chats = [
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        [{"role": "user", "content": [{"type": "text", "text": "é"}]}],
        '[{"role": "user"}]',
    ]
    lines = [{"messages": chat} for chat in [*chats, [], 5]]
    found = rows_of(opened(CHAT, "train.jsonl", "\n".join(map(json.dumps, lines))).train)
    assert found[:3] == [{"messages": chat} for chat in chats]
    assert found[3:] == ["line 4 (no messages)", "line 5 (messages: a number)"]


def test_a_table_is_known_by_what_it_holds_wherever_it_lies(opened: Any, tmp_path: Path) -> None:
    first = opened(CLASSIFY, "train.csv", "text,label,n\nx,a,1\ny,b,2\n").train
    again = opened(CLASSIFY, "moved.csv", "text,label,n\nx,a,3\ny,b,4\n").train
    other = opened(CLASSIFY, "train.csv", "text,label,n\nx,a,1\nz,b,2\n").train
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_transcript_is_read_without_its_clip(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "here.flac").write_bytes(clip(0))
    lines = "audio,transcript\ngone.wav,a b\nhere.flac,c\n"
    rows = opened(HEAR, "train.csv", lines).train
    assert list(rows.pieces(0, "transcript")) == ["a b"]
    with pytest.raises(CorruptExample, match=r"gone\.wav"):
        rows[0]
