"""What one process of a data rank reads comes to all that hold the model with it."""

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from tests.data.batches import COUNT, ROWS, example
from tests.ranks import run_ranks
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.handing import handed
from zoo.data.loading.loader import eval_batches, train_batches
from zoo.data.ordering.epochs import Epochs
from zoo.data.rows import Batch, CorruptExample, Row
from zoo.engines.groups import hands_of
from zoo.layout import Layout, Place

MICRO, BATCH, STEPS = 2, 8, 9  # more steps than an epoch has
BAD = 17


def collated(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
    """All that a batch may hold: tensors of many kinds and sizes, nested, none, and plain words."""
    numbers = torch.tensor([one["number"] for one in examples])
    weights = torch.tensor([one["weight"] for one in examples])
    width = int(numbers.sum()) % 5  # another shape in every micro-batch, 0 too
    return {
        "inputs": {
            "pixels": torch.from_numpy(rng.integers(0, 255, (2, 3, width), dtype=np.uint8)),
            "half": torch.full((width, 3), float(numbers[0])).bfloat16(),
            "changes": {"boxes": [numbers[:1], weights > 0], "share": np.float64(0.25), "none": ()},
        },
        "labels": {"labels": numbers, "odd": (numbers % 2 == 1)[None, ::2]},
        "count": weights.sum(dtype=torch.float64),
        "lost": {"broken": 0.1 + 0.2},
    }


def plain(value: Any) -> Any:
    """A value with its tensors as types, shapes and numbers."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), *value.shape, value.float().tolist()]
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_of(layout: Layout, rank: int, counted: list[int]) -> tuple[Any, Any]:
    """Ways to go through a training and through an evaluation, counting what is decoded here."""

    def seen(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        counted.append(int(row["text"]))
        if counted[-1] == BAD:
            raise CorruptExample(f"row {BAD}")
        return example(row, rng, training)

    share, data, limit = BATCH // MICRO // layout.data, layout.data_rank(rank), (lambda: loose)
    loose = CorruptLimit(3, alone=False)

    def training() -> Iterator[list[Batch]]:
        order = Epochs(COUNT, BATCH, 1, micro_batch=MICRO)
        return train_batches(ROWS, order, seen, collated, share, data, 1, 0, 0, limit())

    def evaluation() -> Iterator[list[Batch]]:
        made = eval_batches(ROWS, seen, collated, 4, data, layout.data, 1, 0, limit())
        return ([batch] for batch in made)

    return training, evaluation


def read(layout: Layout) -> tuple[list[Any], list[Any], list[int]]:
    """What a rank is given of a training and of two evaluations between its steps, and the rows
    that it decodes.
    """
    place, counted = Place.from_environment(), list[int]()
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
    training, evaluation = read_of(layout, place.rank, counted)
    for_training, for_scores = hands_of(layout, place.rank), hands_of(layout, place.rank)
    steps = handed(for_training, training)
    trained = [plain(next(steps)) for _ in range(STEPS)]
    cut = handed(for_scores, evaluation)
    next(cut)  # and then a signal came
    scored = [plain(share) for share in handed(for_scores, evaluation)]
    trained += [plain(next(steps)) for _ in range(STEPS)]
    dist.destroy_process_group()
    return trained, scored, counted


def left(shares: list[Any], given: set[str]) -> list[Any]:
    """Micro-batches without what a rank is not given, and without what only the reader tells."""
    hidden = {key: {} for key in {"inputs", "labels"} - given} | {"failures": []}
    return [[batch | hidden for batch in share] for share in shares]


@pytest.mark.ranks(8)
@pytest.mark.parametrize("layout", [{"pipe": 4, "tensor": 2}, {"pipe": 2, "data": 2, "tensor": 2}])
def test_rows_are_decoded_once_a_data_rank_and_each_rank_has_its_part(layout: Any) -> None:
    cut = Layout.of(**layout)
    found = run_ranks(8, read, cut)
    for rank, (trained, scored, counted) in enumerate(found):
        alone: list[int] = []
        training, evaluation = read_of(cut, rank, alone)
        whole = [plain(share) for share in itertools.islice(training(), 2 * STEPS)]
        marks = [batch["failures"] for share in whole for batch in share]
        assert any(marks) or cut.data > 1, "a corrupt row is part of it"
        stage = cut.stage(rank)
        given = {"inputs"} if stage == 0 else {"labels"} if stage == cut.pipe - 1 else set[str]()
        first = stage == 0 and cut.tensor_rank(rank) == 0
        if first:
            list(itertools.islice(evaluation(), 1))
            scores = [plain(share) for share in evaluation()]
            assert (trained, scored) == (whole, scores)
            assert sorted(counted) == sorted(alone)
        else:
            scores = [plain(share) for share in evaluation()]
            assert (trained, scored) == (left(whole, given), left(scores, given))
            assert counted == [], "nothing is decoded here"


def broken(layout: Layout) -> list[Any]:
    """What a rank is given where its reader has no rows that stand in, and then a fault."""
    place, limit = Place.from_environment(), CorruptLimit(0, alone=False)
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))

    def bad(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
        number = int(row["text"])
        if number in (3, 9):
            raise CorruptExample("row 3") if number == 3 else OSError(5, "Input/output error")
        return example(row, rng, training)

    def shares() -> Iterator[list[Batch]]:
        made = eval_batches(ROWS, bad, collated, 1, 0, 1, 1, 0, limit)
        return ([batch] for batch in made)

    found = list(handed(hands_of(layout, place.rank), shares))
    dist.destroy_process_group()
    return [share[0] for share in found if "inputs" not in share[0]]


@pytest.mark.ranks(2)
@pytest.mark.parametrize("axis", ["pipe", "tensor"])
def test_what_cannot_be_read_is_told_by_the_reader_and_missed_by_all(axis: str) -> None:
    source, other = run_ranks(2, broken, Layout.of(**{axis: 2}))
    assert source[0] == {"failures": [(3, "row 3")]} and "Input/output" in source[1]["fault"]
    assert other == [{"failures": []}, {"failures": []}]
