"""Splits, labels and faults of a whole data section."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from zoo.data.rows import CorruptExample, Rows
from zoo.data.source import open_source
from zoo.errors import ConfigError

CLASSIFY = "sequence-classification"


@pytest.fixture
def tables(tmp_path: Path) -> Any:
    """tables(name=labels, ...) writes a .jsonl each and says where."""

    def write(**splits: list[Any]) -> dict[str, str]:
        for name, labels in splits.items():
            rows = [{"text": f"{name} {i}", "label": label} for i, label in enumerate(labels)]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return {"source": "files", "folder": str(tmp_path)}

    return write


def labels_of(rows: Rows) -> list[int]:
    return [rows[index]["label"] for index in range(len(rows))]


def test_numbers_are_sorted_by_size(tables: Any, make_recipe: Any) -> None:
    source = open_source(make_recipe(CLASSIFY, **tables(train=[10, 9, 2, 9])))
    assert source.labels == ("2", "9", "10")
    assert labels_of(source.train) == [2, 1, 0, 1]


def test_a_row_without_label_is_no_class_and_takes_no_id(tables: Any, make_recipe: Any) -> None:
    files = tables(train=[None if number == 3 else number for number in range(12)])
    with pytest.raises(ConfigError) as caught:
        open_source(make_recipe(CLASSIFY, **files))
    (fault,) = caught.value.faults
    assert (fault.key, fault.allowed) == ("data.max_corrupt", "0 at most")
    assert fault.found.endswith("train.jsonl line 4 (no label)")
    source = open_source(make_recipe(CLASSIFY, **files, max_corrupt=2))
    assert source.labels == ("0", "1", "2", "4", "5", "6", "7", "8", "9", "10", "11")
    with pytest.raises(CorruptExample, match="line 4"):
        source.train[3]
    assert source.train[4]["label"] == 3


def test_corrupt_rows_are_counted_where_they_are_read(tables: Any, make_recipe: Any) -> None:
    files = tables(train=["a", "b"] * 20, dev=[None, "a"])
    with pytest.raises(ConfigError, match=r"found 1 corrupt examples: .*dev\.jsonl line 1"):
        open_source(make_recipe(CLASSIFY, **files, valid="dev"))
    files = tables(train=[None, *["a", "b"] * 20])
    seen = [
        bool(source.train.unreadable())
        for seed in range(4)
        for source in [
            open_source(make_recipe(CLASSIFY, seed, **files, max_train_examples=9, max_corrupt=1))
        ]
    ]
    assert False in seen


def test_written_labels_give_the_ids(tables: Any, make_recipe: Any) -> None:
    files = tables(train=["b", "a"], valid=["a"])
    source = open_source(make_recipe(CLASSIFY, **files, valid="valid", labels=["b", "c", "a"]))
    assert source.labels == ("b", "c", "a")
    assert labels_of(source.train) == [0, 2]
    assert labels_of(source.valid["valid"]) == [2]


def test_written_labels_name_the_ids_of_a_column_of_numbers(tables: Any, make_recipe: Any) -> None:
    source = open_source(make_recipe(CLASSIFY, **tables(train=[1, 0]), labels=["no", "yes"]))
    assert labels_of(source.train) == [1, 0]


def test_numbers_that_are_names_are_not_taken_for_ids(tables: Any, make_recipe: Any) -> None:
    source = open_source(make_recipe(CLASSIFY, **tables(train=[1, 2, 3]), labels=["1", "2", "3"]))
    assert labels_of(source.train) == [0, 1, 2]


def test_labels_outside_the_known_ones_are_named_with_their_set(
    tables: Any, make_recipe: Any
) -> None:
    files = tables(train=["cat", "dog"], valid=["cat", "dgo"])
    with pytest.raises(ConfigError) as caught:
        open_source(make_recipe(CLASSIFY, **files, valid="valid"))
    (fault,) = caught.value.faults
    assert fault.key == "data.labels"
    assert fault.found == "dgo"
    assert fault.allowed == "in valid (1 other values), one of cat, dog"
    assert shlex.split(fault.nearest) == ['data.labels=["cat", "dgo", "dog"]']


def test_labels_of_a_task_without_classes_are_left_alone(tables: Any, make_recipe: Any) -> None:
    files = tables(train=["cat"], valid=["dog"])
    source = open_source(make_recipe("causal-lm", **files, valid="valid"))
    assert source.labels is None
    assert source.train.roles == {"text"}


def test_a_list_of_train_sets_is_concatenated(tables: Any, make_recipe: Any) -> None:
    files = tables(one=["a", "b"], two=["c"])
    source = open_source(make_recipe(CLASSIFY, **files, train=["two", "one"]))
    assert source.labels == ("a", "b", "c")
    assert labels_of(source.train) == [2, 0, 1]


def test_one_validation_set_is_called_valid_and_several_by_their_names(
    tables: Any, make_recipe: Any
) -> None:
    files = tables(train=["a"], dev=["a"], hard=["a", "a"])
    assert set(open_source(make_recipe(CLASSIFY, **files, valid="dev")).valid) == {"valid"}
    source = open_source(make_recipe(CLASSIFY, **files, valid=["dev", "hard"], test=["hard"]))
    assert {name: len(rows) for name, rows in source.valid.items()} == {"dev": 1, "hard": 2}
    assert set(source.test) == {"test"}


def test_no_validation_set_is_no_fault(tables: Any, make_recipe: Any) -> None:
    source = open_source(make_recipe(CLASSIFY, **tables(train=["a"])))
    assert source.valid == {}
    assert source.test == {}


def test_a_share_is_cut_from_train_by_a_seed_of_its_own(tables: Any, make_recipe: Any) -> None:
    files = tables(train=[n % 3 for n in range(50)])

    def texts(seed: int = 0, **more: Any) -> tuple[set[str], set[str]]:
        source = open_source(make_recipe(CLASSIFY, seed=seed, **files, valid=0.2, **more))
        parts = source.train, source.valid["valid"]
        train, valid = ({part[i]["text"] for i in range(len(part))} for part in parts)
        return train, valid

    train, valid = texts()
    assert (len(train), len(valid)) == (40, 10)
    assert not train & valid
    assert texts(seed=1) == texts() == (train, valid)
    assert texts(split_seed=1) != (train, valid)
    few = {"max_valid_examples": 3}
    assert texts(seed=1, **few) == texts(**few) != texts(split_seed=1, **few)


def test_a_share_of_a_single_example_is_refused(tables: Any, make_recipe: Any) -> None:
    with pytest.raises(ConfigError, match=r"data\.valid: found 0.1 of 1 examples"):
        open_source(make_recipe(CLASSIFY, **tables(train=["a"]), valid=0.1))


def test_the_largest_numbers_of_examples_hold_for_each_set(tables: Any, make_recipe: Any) -> None:
    files = tables(train=["a"] * 9, one=["a"] * 5, two=["a"] * 2)
    limits = {"max_train_examples": 4, "max_valid_examples": 3}
    source = open_source(make_recipe(CLASSIFY, **files, valid=["one", "two"], test="one", **limits))
    assert len(source.train) == 4
    assert [len(rows) for rows in source.valid.values()] == [3, 2]
    assert len(source.test["test"]) == 5


def test_a_set_without_examples_is_refused(tables: Any, make_recipe: Any, tmp_path: Path) -> None:
    files = tables(train=["a"])
    (tmp_path / "dev.csv").write_text("text,label\n")
    with pytest.raises(ConfigError, match=r"data\.valid: found .*dev\.csv \(without an example\)"):
        open_source(make_recipe(CLASSIFY, **files, valid="dev"))


def test_the_fingerprint_of_a_source_is_the_same_every_time(tables: Any, make_recipe: Any) -> None:
    recipe = make_recipe(CLASSIFY, **tables(train=["a", "b"] * 10), valid=0.2, max_train_examples=5)
    assert open_source(recipe).train.fingerprint == open_source(recipe).train.fingerprint


def test_a_cache_that_cannot_be_written_is_a_fault(tables: Any, make_recipe: Any) -> None:
    files = tables(train=["a"])
    folder = f"{files['folder']}/train.jsonl/cache"
    with pytest.raises(ConfigError, match=r"data\.cache: found .*train\.jsonl/cache"):
        open_source(make_recipe(CLASSIFY, **files, cache=folder))
