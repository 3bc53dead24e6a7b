"""Classes: their natural order, and labels that are names or ids."""

import random

import pytest

from tests.data.conftest import MakeRecipe
from zoo.data.faults import Faults
from zoo.data.labels import label_ids, labelled, sorted_names
from zoo.data.rows import ListRows
from zoo.data.sources.opened import Opened


@pytest.mark.parametrize(
    "names",
    [
        [str(number) for number in range(12)],
        ["-1", "0", "1"],
        ["0.5", "1", "1.25", "1e1"],
        ["01", "2", "10"],
        ["a2", "a10", "b1"],
        ["1a", "1b", "2", "10", "rest"],
        ["B", "a"],
    ],
)
def test_classes_stand_in_their_natural_order(names: list[str]) -> None:
    mixed = random.Random(0).sample(names, len(names))
    assert sorted_names(mixed) == tuple(names)


@pytest.mark.parametrize("alike", [["x", "x "], [" x", "x"], ["a  b", "a b"], ["é", "e\u0301"]])
def test_classes_that_look_alike_are_a_fault_unless_they_are_listed(
    alike: list[str], make_recipe: MakeRecipe
) -> None:
    for listed in (False, True):
        words = {"labels": [*alike, "X"]} if listed else {}
        made = make_recipe("sequence-classification", source="files", folder=".", **words)
        faults = Faults(made)
        part = Opened(ListRows([{"label": "X"}], "none"), frozenset([*alike, "X"]))
        labelled([("train", "train", part)], faults)
        assert [fault.key for fault in faults.found] == ([] if listed else ["data.labels"])
        assert all("which look alike" in fault.found for fault in faults.found)


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (["no", "yes"], {"no": 0, "yes": 1}),
        (["1", "0"], {"1": 1, "0": 0}),
        ([1, 0], {1: 1, 0: 0}),
    ],
)
def test_labels_are_names_or_ids(
    values: list[object], ids: dict[object, int], make_recipe: MakeRecipe
) -> None:
    faults = Faults(make_recipe("causal-lm", source="built-in", name="stdlib-text"))
    part = Opened(ListRows([], "none"), frozenset(values))
    assert label_ids(part, ("no", "yes"), "train", faults) == ids
    assert not faults.found


@pytest.mark.parametrize("values", [["no", "1"], ["01"], ["2"], ["-1"], ["0.0"], ["No"], [True]])
def test_labels_that_are_neither_are_a_fault(values: list[object], make_recipe: MakeRecipe) -> None:
    faults = Faults(make_recipe("causal-lm", source="built-in", name="stdlib-text"))
    part = Opened(ListRows([], "none"), frozenset(values))
    assert label_ids(part, ("no", "yes"), "train", faults) == {}
    assert {fault.key for fault in faults.found} == {"data.labels"}
