"""Batches: the same whatever the ranks, and every row as often as it should be."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from tests.data.batches import COUNT, ROWS, evaluated, example, flat, train
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import train_batches
from zoo.data.ordering.epochs import Epochs
from zoo.data.rows import Batch, ListRows


def test_the_micro_batches_of_all_ranks_together_are_the_global_batch() -> None:
    one = [flat(step) for step in itertools.islice(train(), 15)]
    for ranks in (2, 4):
        shares = [itertools.islice(train(ranks, rank), 15) for rank in range(ranks)]
        joined = [
            [batch for share in step for batch in flat(share)] for step in zip(*shares, strict=True)
        ]
        assert joined == one


def test_a_step_holds_the_rows_of_the_order() -> None:
    order = Epochs(COUNT, 8, 1)
    for step, batches in enumerate(itertools.islice(train(), 15)):
        assert [row for batch in batches for row in batch["ids"]] == order.batch_of(step).tolist()
        for batch in batches:
            assert batch["inputs"]["numbers"].tolist() == batch["ids"]


def test_starting_at_a_step_gives_what_running_up_to_it_gives() -> None:
    straight = [flat(step) for step in itertools.islice(train(), 15)]
    for start in (1, 7, 13):
        resumed = [flat(step) for step in itertools.islice(train(start=start), 15 - start)]
        assert resumed == straight[start:]


def test_the_draws_of_a_row_differ_between_epochs_and_those_of_a_batch_between_steps() -> None:
    def apart(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        draws = torch.tensor([example["draw"] for example in examples])
        return {"inputs": {"rows": draws, "batch": torch.tensor(rng.random())}, "labels": {}}

    order = Epochs(COUNT, 8, 1, micro_batch=2)
    made = train_batches(ROWS, order, example, apart, 4, 0, 1, 0, 0, CorruptLimit())
    batches = [batch for step in itertools.islice(made, 12) for batch in step]
    rows = [draw for batch in batches for draw in batch["inputs"]["rows"].tolist()]
    assert len({row for batch in batches for row in batch["ids"]}) < len(rows)  # two epochs
    assert len(set(rows)) == len(rows)
    assert len({batch["inputs"]["batch"].item() for batch in batches}) == len(batches)


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_every_rank_evaluates_as_many_batches_and_each_row_counts_once(ranks: int) -> None:
    shares = evaluated(ranks)
    assert len({len(share) for share in shares}) == 1
    counted = [
        row
        for share in shares
        for batch in share
        for row, weight in zip(batch["ids"], batch["labels"]["weights"].tolist(), strict=True)
        if weight
    ]
    assert sorted(counted) == list(range(COUNT))
    assert sum(batch["count"].item() for share in shares for batch in share) == COUNT
    assert all(len(batch["ids"]) == 4 for share in shares for batch in share)


def test_evaluating_fewer_rows_than_ranks_gives_padding_only_to_the_rest() -> None:
    rows = ListRows([{"text": "0"}], "one")
    assert [batch["count"].item() for share in evaluated(3, rows=rows) for batch in share] == [
        1,
        0,
        0,
    ]


def test_copies_of_a_row_are_drawn_anew() -> None:
    def drawn(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
        return {"inputs": {"rows": torch.tensor([one["draw"] for one in examples])}, "labels": {}}

    order = Epochs(COUNT, 12, 1, repeats=3, micro_batch=3)
    made = train_batches(ROWS, order, example, drawn, 4, 0, 1, 0, 0, CorruptLimit())
    batches = [batch for step in itertools.islice(made, 4) for batch in step]
    draws = [draw for batch in batches for draw in batch["inputs"]["rows"].tolist()]
    assert len(set(draws)) == len(draws)
    assert all(len(set(batch["ids"])) == 3 for batch in batches)
