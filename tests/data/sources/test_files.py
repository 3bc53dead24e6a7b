"""Files of every format, found by globs and folder names."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from zoo.data.rows import CorruptExample, Rows
from zoo.data.source import open_source
from zoo.errors import ConfigError

RECORDS = [{"text": "first", "label": "no"}, {"text": "second, longer", "label": "yes"}]
CLASSIFY = "sequence-classification"


def write_json(path: Path) -> None:
    path.write_text(json.dumps(RECORDS))


def write_jsonl(path: Path) -> None:
    path.write_text("\n".join(json.dumps(record) for record in RECORDS))


def write_csv(path: Path) -> None:
    path.write_text('text,label\nfirst,no\n"second, longer",yes\n')


def write_tsv(path: Path) -> None:
    path.write_text("text\tlabel\nfirst\tno\nsecond, longer\tyes\n")


def write_parquet(path: Path) -> None:
    datasets.Dataset.from_list(RECORDS).to_parquet(path)


WRITERS = {
    ".json": write_json,
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".parquet": write_parquet,
}


def listed(rows: Rows) -> list[dict[str, Any]]:
    return [rows[index] for index in range(len(rows))]


@pytest.mark.parametrize("suffix", WRITERS)
def test_tables_of_every_format_give_the_same_rows(
    suffix: str, tmp_path: Path, make_recipe: Any
) -> None:
    WRITERS[suffix](tmp_path / f"part{suffix}")
    files = {"source": "files", "folder": str(tmp_path), "train": f"*{suffix}"}
    source = open_source(make_recipe(CLASSIFY, **files))
    assert listed(source.train) == [
        {"text": "first", "label": 0},
        {"text": "second, longer", "label": 1},
    ]
    assert source.labels == ("no", "yes")
    assert source.train.lengths().tolist() == [5, 14]


def test_format_rules_over_the_suffix(tmp_path: Path, make_recipe: Any) -> None:
    write_csv(tmp_path / "table.dat")
    files = {"source": "files", "folder": str(tmp_path), "train": "table.dat"}
    assert len(open_source(make_recipe(CLASSIFY, **files, format="csv")).train) == 2
    with pytest.raises(ConfigError, match=r"data.train: found table.dat.*metadata"):
        open_source(make_recipe(CLASSIFY, **files))


def test_words_that_pandas_takes_for_nothing_stay_classes(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "train.csv").write_text("text,label\na,None\nb,NA\nc,yes\n")
    source = open_source(make_recipe(CLASSIFY, source="files", folder=str(tmp_path)))
    assert source.labels == ("NA", "None", "yes")


def test_a_split_name_may_be_a_file_without_its_suffix(tmp_path: Path, make_recipe: Any) -> None:
    write_csv(tmp_path / "train.csv")
    write_csv(tmp_path / "dev.csv")
    files = {"source": "files", "folder": str(tmp_path), "valid": "dev"}
    source = open_source(make_recipe(CLASSIFY, **files))
    assert (len(source.train), len(source.valid["valid"])) == (2, 2)


def test_a_changed_file_is_read_anew(tmp_path: Path, make_recipe: Any) -> None:
    recipe = make_recipe(CLASSIFY, source="files", folder=str(tmp_path))
    write_csv(tmp_path / "train.csv")
    before = open_source(recipe).train
    (tmp_path / "train.csv").write_text("text,label\nfirst,no\nsecond,yes\nthird,no\n")
    after = open_source(recipe).train
    assert len(after) == 3
    assert before.fingerprint != after.fingerprint


def test_a_text_file_is_one_document_and_a_folder_all_of_them(
    tmp_path: Path, make_recipe: Any
) -> None:
    for name, text in (("b.txt", "two\nlines"), ("a.txt", "one"), ("deep/c.txt", "three")):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "texts" / ".hidden.txt").write_text("no")
    files = {"source": "files", "folder": str(tmp_path)}
    source = open_source(make_recipe("causal-lm", **files, train="texts", test="texts/*.txt"))
    assert [row["text"] for row in listed(source.train)] == ["one", "two\nlines", "three"]
    assert len(source.test["test"]) == 2
    assert source.labels is None


def test_text_that_is_not_utf_8_is_a_corrupt_example(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "b.txt").write_text("fine")
    files = {"source": "files", "folder": str(tmp_path), "train": "."}
    rows = open_source(make_recipe("causal-lm", **files)).train
    with pytest.raises(CorruptExample, match=r"a\.txt"):
        rows[0]


def test_a_missing_value_is_a_corrupt_example(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n{"text": null}')
    files = {"source": "files", "folder": str(tmp_path), "max_corrupt": 1}
    rows = open_source(make_recipe("causal-lm", **files)).train
    assert rows[0] == {"text": "a"}
    with pytest.raises(CorruptExample, match="no text"):
        rows[1]


def test_chats_come_as_lists_of_messages(tmp_path: Path, make_recipe: Any) -> None:
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    (tmp_path / "train.jsonl").write_text(json.dumps({"messages": chat}))
    rows = open_source(make_recipe("causal-lm", source="files", folder=str(tmp_path))).train
    assert rows[0] == {"messages": chat}
    assert rows.lengths() is None


def test_a_file_that_is_not_what_its_name_says_is_a_fault(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "train.jsonl").write_text("{broken")
    (tmp_path / "valid.parquet").write_text("no parquet")
    recipe = make_recipe(CLASSIFY, source="files", folder=str(tmp_path), valid="valid.parquet")
    with pytest.raises(ConfigError) as caught:
        open_source(recipe)
    assert [fault.key for fault in caught.value.faults] == ["data.train", "data.valid"]
    assert "train.jsonl" in caught.value.faults[0].found


def fault_of(recipe: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        open_source(recipe)
    return str(caught.value)


def test_a_missing_folder_is_one_fault_for_all_splits(tmp_path: Path, make_recipe: Any) -> None:
    folder = str(tmp_path / "nowhere")
    message = fault_of(make_recipe(CLASSIFY, source="files", folder=folder, valid="x", test="y"))
    found, allowed = message.split("; allowed: ")
    assert found == f"recipe: data.folder: found {folder}"
    assert allowed.startswith("a folder that exists; say where the data lies with data.folder=PATH")


def test_a_missing_folder_says_what_the_recipe_is_of(tmp_path: Path, make_recipe: Any) -> None:
    recipe = make_recipe(CLASSIFY, source="files", folder=str(tmp_path / "nowhere"))
    about = recipe.model_copy(update={"description": "banking77 (arXiv:2003.04807)"})
    assert (
        fault_of(about)
        .partition("; try ")[0]
        .endswith("; the recipe is of: banking77 (arXiv:2003.04807)")
    )


def test_globs_without_a_match_are_all_named_with_the_nearest_name(
    tmp_path: Path, make_recipe: Any
) -> None:
    write_csv(tmp_path / "tickets.csv")
    files = {"source": "files", "folder": str(tmp_path), "train": "tikets.csv", "valid": "/dev/*"}
    lines = fault_of(make_recipe(CLASSIFY, **files)).split("\n")
    assert len(lines) == 2
    assert "data.train: found tikets.csv" in lines[0]
    assert lines[0].endswith("did you mean data.train=tickets.csv?")
    assert "data.valid: found /dev/*" in lines[1]


def test_unknown_columns_are_named_once_with_the_nearest_spelling(
    tmp_path: Path, make_recipe: Any
) -> None:
    (tmp_path / "train.csv").write_text("body,queue\na,b\n")
    columns = {"text": "boddy", "label": "queues"}
    files = {"source": "files", "folder": str(tmp_path), "valid": "train.csv"}
    lines = fault_of(make_recipe(CLASSIFY, **files, columns=columns)).split("\n")
    assert [line.split("mean ")[1] for line in lines] == [
        "data.columns.text=body?",
        "data.columns.label=queue?",
    ]
    assert "one of body, queue" in lines[0]


def test_numbers_in_a_column_of_text_are_text(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "train.csv").write_text("text,label\n12,a\n345,b\n")
    rows = open_source(make_recipe(CLASSIFY, source="files", folder=str(tmp_path))).train
    assert rows[1] == {"text": "345", "label": 1}
    assert rows.lengths().tolist() == [2, 3]


def test_lists_in_a_column_of_text_are_a_fault(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "train.jsonl").write_text('{"words": ["a", "b"]}')
    files = {"source": "files", "folder": str(tmp_path), "columns": {"text": "words"}}
    message = fault_of(make_recipe("causal-lm", **files))
    assert "data.columns.text: found words (" in message
    assert "line 1: words: a list, and so in every row); allowed: a column of text" in message
