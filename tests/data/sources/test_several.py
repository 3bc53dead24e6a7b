"""Several labels of a row: a list, a cell of JSON, or a column each; what is none is corrupt."""

import json
import re
from typing import Any

import datasets
import pytest

from tests.data.sources.reading import rows_of, said
from zoo.data.source import open_source

TEXT, IMAGE = "sequence-classification", "image-classification"
MULTI: dict[str, Any] = {"problem": "multi-label"}
NUMBERS: dict[str, Any] = {"problem": "regression"}


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def labels(source: Any) -> list[Any]:
    return [row if isinstance(row, str) else row["label"] for row in rows_of(source.train)]


def test_a_list_of_names_becomes_their_ids(opened: Any) -> None:
    content = lines(
        {"text": "a", "label": ["red", "blue"]},
        {"text": "b", "label": []},
        {"text": "c", "label": "red"},
        {"text": "d", "label": ["green", "green"]},
    )
    source = opened(TEXT, "a.jsonl", content, **MULTI)
    assert source.labels == ("blue", "green", "red")
    assert labels(source) == [(2, 0), (), (2,), (1,)]
    assert source.train.value(0, "label") == (2, 0)


def test_a_list_of_ids_is_read_by_the_names_of_the_recipe(opened: Any) -> None:
    names = ["red", "green", "blue"]
    source = opened(TEXT, "a.jsonl", lines({"text": "a", "label": [2, 0]}), labels=names, **MULTI)
    assert labels(source) == [(2, 0)]
    assert "mauve" in said(
        opened, TEXT, "b.jsonl", lines({"text": "a", "label": ["mauve"]}), labels=names, **MULTI
    )


def test_a_cell_may_hold_a_list(opened: Any) -> None:
    content = 'text,label\na,"[""red"", ""blue""]"\nb,blue\nc,\n'
    source = opened(TEXT, "a.csv", content, **MULTI)
    assert source.labels == ("blue", "red")
    assert labels(source)[:2] == [(1, 0), (0,)]
    assert "no label" in labels(source)[2]


def test_columns_of_0_and_1_are_the_classes_that_they_are_called(opened: Any) -> None:
    columns = {"label": ["toxic", "rude", "kind"]}
    content = "text,toxic,rude,kind\na,1,0,1.0\nb,0,0,0\nc,0,2,0\nd,0,,0\n"
    source = opened(TEXT, "a.csv", content, columns=columns, **MULTI)
    assert source.labels == ("toxic", "rude", "kind")
    found = labels(source)
    assert found[:2] == [(0, 2), ()]
    assert "rude is '2', not 0 or 1" in found[2] and "rude is '', not 0 or 1" in found[3]
    assert "data.columns.label: found mild" in said(
        opened, TEXT, "a.csv", content, columns={"label": ["toxic", "mild"]}, **MULTI
    )


def test_numbers_are_one_or_several_and_all_finite(opened: Any) -> None:
    content = lines(
        {"text": "a", "label": 2.5},
        {"text": "b", "label": "3"},
        {"text": "c", "label": [1, 2]},
        {"text": "d", "label": "much"},
        {"text": "e", "label": "nan"},
        {"text": "f", "label": []},
        {"text": "g", "label": None},
    )
    found = labels(opened(TEXT, "a.jsonl", content, **NUMBERS))
    assert found[:3] == [(2.5,), (3.0,), (1.0, 2.0)]
    whys = ("'much'", "nan", "list of no number", "no label")
    assert all(why in line for line, why in zip(found[3:], whys, strict=True))
    pair = opened(TEXT, "b.csv", "text,x,y\na,1,2\n", columns={"label": ["x", "y"]}, **NUMBERS)
    assert labels(pair) == [(1.0, 2.0)] and pair.labels is None


@pytest.mark.parametrize("kind", ["list", "columns"])
def test_a_data_set_of_the_hub_may_hold_several(kind: str, tmp_path: Any, make_recipe: Any) -> None:
    if kind == "list":
        names = datasets.List(datasets.ClassLabel(names=["joy", "fear"]))
        features = datasets.Features({"text": datasets.Value("string"), "label": names})
        rows = [{"text": "a", "label": [1, 0]}, {"text": "b", "label": []}]
        columns = {}
    else:
        features, columns = None, {"label": ["joy", "fear"]}
        rows = [{"text": "a", "joy": 1, "fear": 1}, {"text": "b", "joy": 0, "fear": 0}]
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "s" / "train.parquet")
    recipe = make_recipe(TEXT, source="hub", name=str(tmp_path / "s"), columns=columns, **MULTI)
    source = open_source(recipe)
    assert source.labels == ("joy", "fear")
    assert [sorted(found) for found in labels(source)] == [[0, 1], []]


@pytest.mark.parametrize(("kind", "name"), [(TEXT, "stdlib-keywords"), (IMAGE, "digits")])
def test_built_in_rows_have_several_labels_or_numbers(
    kind: str, name: str, make_recipe: Any
) -> None:
    built_in = {"source": "built-in", "name": name, "valid": False, "test": False}
    single, several, numbers = (
        open_source(make_recipe(kind, problem=problem, **built_in))
        for problem in ("single-label", "multi-label", "regression")
    )
    assert len({one.train.fingerprint for one in (single, several, numbers)}) == 3
    assert numbers.labels is None
    for index in range(20):
        one, ids, (number,) = (s.train.value(index, "label") for s in (single, several, numbers))
        if kind == IMAGE:
            assert sum(2**power for power in ids) == one == number
        else:
            assert one in ids and several.labels == single.labels
            assert number == len(re.findall(r"\w+", single.train[index]["text"]))
