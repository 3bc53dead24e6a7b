"""What `zoo data` finds: numbers of each set, rows that stand in two sets, what the model gets."""

import json
import re
from pathlib import Path

import pytest
import torch

from tests.runs import twin
from zoo.cli.data import look_at_data
from zoo.data.rows import ListRows
from zoo.errors import ConfigError
from zoo.inspecting.copies import copies
from zoo.inspecting.facts import class_facts, padding_share, set_facts
from zoo.inspecting.inspect import inspect
from zoo.inspecting.page import sparkline, terminal_page, write_page
from zoo.recipe import load_recipe
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.tasks.padding import places

QUICK = {"token-classification"}


def texts(*said: str) -> ListRows:
    """Rows of a text and a label each."""
    return ListRows([{"text": text, "label": len(text) % 2} for text in said], "")


def test_an_example_of_test_that_stands_in_train_is_counted_whatever_its_label() -> None:
    train, test = texts("one", "three", "seven"), texts("three", "eight", "one")
    other = ListRows([{"text": "seven", "label": 5}], "")
    found = copies({"train": train, "test": test, "again": other}, 100)
    assert found["test"] == {"copies": 2, "of": 3, "among": 3}
    assert found["again"]["copies"] == 1


def test_lengths_add_up_and_lie_in_the_histogram() -> None:
    found = set_facts(texts("a", "abc", "abcde"))
    assert (found["unit"], found["total"], found["median"]) == ("characters", 9, 3)
    assert sum(found["histogram"]["counts"]) == found["examples"] == 3


def test_classes_are_counted_over_rows_that_are_evenly_spread() -> None:
    rows = texts(*("x" * number for number in range(100)))
    found = class_facts(rows, ("even", "odd"), 1000)
    assert found == {"looked_at": 100, "classes": {"even": 50, "odd": 50}}
    assert class_facts(rows, ("even", "odd"), 10)["looked_at"] == 10
    assert class_facts(rows, None, 1000)["numbers"] == {"least": 0, "mean": 0.5, "most": 1}


def test_padding_is_the_share_of_places_that_hold_nothing() -> None:
    masks = [torch.ones(2, 4), torch.tensor([[1, 1, 0, 0]])]
    assert padding_share([{"places": places(mask)} for mask in masks]) == pytest.approx(2 / 12)
    assert padding_share([{"inputs": {}}]) is None


def test_a_bar_is_seen_of_what_is_there_at_all() -> None:
    assert sparkline([0, 1, 1000]) == " ▁█"


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[] if k in QUICK else [pytest.mark.slow]) for k in KINDS]
)
def test_the_page_of_every_kind_shows_examples_and_asks_nothing_of_a_network(
    kind: str, tmp_path: Path
) -> None:
    found = inspect(load_recipe(twin(kind), tiny=True), examples=3, most=50)
    assert len(found.examples) == 3
    assert all(example["inputs"] for example in found.examples)
    write_page(found, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    links = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(\S{1,5})", text)
    assert all(link == "data:" for link in links) and "<script" not in text
    assert text.count("<section") == 3
    assert json.loads(json.dumps(terminal_page(found).content))["sets"]["train"]["examples"] > 0


def test_tokens_that_are_targets_say_which(tmp_path: Path) -> None:
    found = inspect(load_recipe(twin("token-classification"), tiny=True), examples=2, most=50)
    tokens = found.examples[0]["inputs"]["input_ids"]["tokens"]
    row = found.examples[0]["says"]
    first_pieces = [token["target"] for token in tokens if token.get("mark") == "target"]
    assert first_pieces == row["tags"].split()
    assert "".join(token["text"] for token in tokens[:2]).startswith("[CLS]")


def test_a_page_that_cannot_be_written_is_a_fault_of_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    name = twin("token-classification").stem
    with pytest.raises(ConfigError, match=r"--out: found .*page\.html"):
        look_at_data(name, tiny=True, out=tmp_path / "file" / "page.html", examples=1, most=5)
