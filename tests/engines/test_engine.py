"""Batches of any shape reach the device, and records become plain entries, example by example."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.engines.doubles import Doubling
from zoo.engines.engine import entries, moved

CPU = torch.device("cpu")


def test_lists_and_mappings_of_tensors_are_moved_and_only_inputs_change_precision() -> None:
    boxes = [{"boxes": torch.rand(n, 4), "class_labels": torch.arange(n)} for n in (1, 0)]
    batch = {
        "inputs": {"pixel_values": torch.rand(2, 3), "labels": boxes, "flag": True, "none": None},
        "labels": {"sizes": [torch.ones(2), "as it is"]},
        "count": torch.tensor(1.0).double(),
        "ids": [3, 4],
    }
    found = moved(batch, CPU, torch.bfloat16, Doubling())
    inputs, labels = found["inputs"], found["labels"]
    assert inputs["pixel_values"].dtype == torch.bfloat16
    assert [one["boxes"].shape for one in inputs["labels"]] == [(1, 4), (0, 4)]
    assert {one["boxes"].dtype for one in inputs["labels"]} == {torch.float32}  # targets
    assert {one["class_labels"].dtype for one in inputs["labels"]} == {torch.int64}
    assert (inputs["flag"], inputs["none"], found["ids"]) == (True, None, [3, 4])
    assert labels["sizes"][0].dtype == torch.float32 and labels["sizes"][1] == "as it is"
    assert found["count"].dtype == torch.float64


def test_everything_goes_to_the_device() -> None:
    inputs = {"a": torch.ones(1), "b": [{"c": torch.ones(1)}]}
    batch = {"inputs": inputs, "labels": {"d": [torch.ones(1)]}, "count": torch.ones(())}
    found = moved(batch, torch.device("meta"), torch.float32, Doubling())
    tensors = [found["inputs"]["a"], found["inputs"]["b"][0]["c"], found["labels"]["d"][0]]
    assert all(one.is_meta for one in (*tensors, found["count"]))


BATCH: dict[str, Any] = {"ids": [8, 2, 5], "counted": [True, False, True]}


def test_records_are_entries_of_the_examples_that_count() -> None:
    scores = torch.tensor([0.5, 1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    boxes = [{"boxes": torch.ones(1, 4)}, {"boxes": torch.ones(2, 4)}, {"boxes": torch.ones(3, 4)}]
    found = entries({"scores": scores, "boxes": boxes, "ragged": np.arange(6).reshape(3, 2)}, BATCH)
    assert [row for row, _ in found] == [8, 5]
    assert [float(one["scores"]) for _, one in found] == [0.5, 2.0]
    assert [one["boxes"]["boxes"].shape for _, one in found] == [(1, 4), (3, 4)]
    assert [one["ragged"].tolist() for _, one in found] == [[0, 1], [4, 5]]
    assert all(isinstance(one["boxes"]["boxes"], np.ndarray) for _, one in found)


def test_an_array_has_one_entry_an_example() -> None:
    with pytest.raises(ValueError, match="records: 2 of scores for 3 examples"):
        entries({"scores": torch.ones(2)}, BATCH)


def test_without_records_nothing_is_asked_of_the_batch() -> None:
    assert entries({}, {}) == []
