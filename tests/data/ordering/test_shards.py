"""The order of rows that lie in shards."""

import numpy as np
import pytest

from zoo.data.ordering.epochs import Epochs
from zoo.data.ordering.shards import Lanes

SIZES = np.random.default_rng(0).integers(1, 90, 150)
COUNT = int(SIZES.sum())


def order(sizes: np.ndarray = SIZES, batch: int = 64, window: int = 4, repeats: int = 1) -> Epochs:
    lanes = Lanes(sizes, batch, 5, window)
    return Epochs(int(sizes.sum()), batch, 5, repeats=repeats, micro_batch=4, lanes=lanes)


def shards_of(rows: np.ndarray, sizes: np.ndarray = SIZES) -> set[int]:
    return set(np.searchsorted(np.cumsum(sizes), rows, side="right").tolist())


@pytest.mark.parametrize(
    ("sizes", "batch"),
    [
        (SIZES, 64),
        (SIZES, 7),
        (SIZES, 12),
        (np.array([0, 50, 0, 0, 13]), 8),
        (np.array([1] * 40), 8),
        (np.array([999]), 16),
    ],
)
def test_every_row_of_the_shards_comes_once_an_epoch(sizes: np.ndarray, batch: int) -> None:
    each = order(sizes, batch)
    for epoch in range(2):
        steps = range(epoch * each.steps_per_epoch, (epoch + 1) * each.steps_per_epoch)
        rows = np.concatenate([each.batch_of(step) for step in steps])
        assert len(set(rows.tolist())) == len(rows) == sizes.sum() // batch * batch
        assert rows.min() >= 0
        assert rows.max() < sizes.sum()


def test_the_order_of_shards_is_that_of_the_step_whatever_was_asked_before() -> None:
    straight = order()
    rows = [straight.batch_of(step).tolist() for step in range(250)]
    for step in np.random.default_rng(1).permutation(250)[:40].tolist():
        assert order().batch_of(step).tolist() == rows[step]
    assert len({tuple(one) for one in rows}) == 250


def test_shards_and_their_rows_are_mixed_and_differ_by_epoch_and_seed() -> None:
    each = order()
    first = each.batch_of(0)
    assert len(shards_of(first)) > 16
    assert np.abs(np.diff(first)).min() >= 1
    assert first.tolist() != each.batch_of(each.steps_per_epoch).tolist()
    other = Lanes(SIZES, 64, 6, 4)
    assert other.rows(0, 0, 64).tolist() != first.tolist()


def test_few_shards_are_open_at_a_time() -> None:
    each = order()
    for step in range(0, each.steps_per_epoch - 1, 9):
        assert len(shards_of(each.batch_of(step))) <= 8 * 2 * 4
        own = np.concatenate([one.rows for one in each.micro_batches(step)[:2]])  # one lane
        assert len(shards_of(own)) <= 2 * 4


@pytest.mark.parametrize("part", [range(16), range(4), range(2, 5), range(15, 16)])
def test_a_rank_is_told_the_shards_that_it_will_read(part: range) -> None:
    each = order()
    for first, last in ((0, 1), (3, 20), (each.steps_per_epoch - 3, each.steps_per_epoch + 2)):
        rows = [
            each.micro_batches(step)[micro].rows for step in range(first, last) for micro in part
        ]
        told, needed = each.shards(first, last, part), shards_of(np.concatenate(rows))
        assert needed <= set(told)
        assert len(set(told)) == len(told)
    assert len(each.shards(0, 1, part)) <= 2 * 4 * (len(part) // 2 + 2)
    assert len(each.shards(0, each.steps_per_epoch, range(16))) == len(SIZES)


def test_shards_are_told_in_the_order_of_their_need() -> None:
    each, part = order(), range(4)
    told = each.shards(0, each.steps_per_epoch, part)
    reached = 0
    for step in range(each.steps_per_epoch):
        rows = np.concatenate([each.micro_batches(step)[micro].rows for micro in part])
        reached = max(reached, *(told.index(shard) for shard in shards_of(rows)))
        assert reached <= len(each.shards(0, step + 1, part)) + 2 * 4


@pytest.mark.parametrize(("steps", "window"), [(1, 4), (2, 1), (9, 2), (40, 4)])
def test_no_steps_in_a_row_read_more_shards_than_was_said(steps: int, window: int) -> None:
    sizes = np.random.default_rng(1).integers(30, 60, 150)
    each = order(sizes, window=window)
    for part in (range(16), range(4, 6)):
        ((count, most),) = each.most_shards(steps, part)
        told = [len(each.shards(first, first + steps, part)) for first in range(300)]
        assert count == len(sizes)
        assert max(told) <= most <= 2 * max(told)


def test_a_shard_that_two_lanes_share_is_read_at_one_time_by_both() -> None:
    sizes = np.full(67, 24)
    each = order(sizes, batch=8, window=2)
    windows, in_use = each.steps_per_epoch, set[int]()
    begun = dict.fromkeys(range(67), 0)
    for step in range(windows):
        now = set(each.shards(step, step + 1, range(2)))
        for shard in now - in_use:
            begun[shard] += 1
        in_use = now
    assert set(begun.values()) == {1}


def test_repeated_rows_of_shards_stay_together_in_a_batch() -> None:
    each = order(repeats=4)
    rows = each.batch_of(7)
    assert np.unique(rows, return_counts=True)[1].tolist() == [4] * 16
    assert shards_of(rows) <= set(each.shards(7, 8, range(16)))


def test_an_order_of_a_million_shards_is_cheap() -> None:
    lanes = Lanes(np.full(1_000_000, 1000), 256, 0)
    rows = lanes.rows(3, 256 * 3_000_000, 256 * 3_000_001)
    assert len(set(rows.tolist())) == 256
    assert len(lanes.shards(3, range(256 * 3_000_000, 256 * 3_000_001), range(32))) <= 32
