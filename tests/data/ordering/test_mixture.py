"""The order of a mixture."""

import numpy as np
import pytest

from zoo.data.ordering.mixture import Mixture, Part, Told, counts_at
from zoo.errors import ConfigError

SHARES = (0.7, 0.2, 0.1)
COUNTS = (5000, 300, 90)


def mixture(batch: int = 48, repeats: int = 1, seed: int = 3) -> Mixture:
    parts = [
        Told(name, share, Part(count, seed, place))
        for place, (name, share, count) in enumerate(zip("abc", SHARES, COUNTS, strict=True))
    ]
    return Mixture(parts, batch, 4, seed, repeats)


def batch_of(order: Mixture, step: int) -> np.ndarray:
    return np.concatenate([one.rows for one in order.micro_batches(step)])


def parts_in(rows: np.ndarray) -> list[int]:
    part = np.searchsorted(np.cumsum(COUNTS), rows, side="right")
    return np.bincount(part, minlength=len(COUNTS)).tolist()


@pytest.mark.parametrize("weights", [(7, 2, 1), (1,), (1, 10**6), (3, 1, 4, 1, 5, 9), (1,) * 17])
def test_the_first_places_hold_every_parts_share_of_them(weights: tuple[int, ...]) -> None:
    before, whole = [0] * len(weights), sum(weights)
    for position in range(1, 1200):
        counts = counts_at(position, weights)
        steps = np.subtract(counts, before)
        assert sum(counts) == position
        assert sorted(steps.tolist()) == [0] * (len(weights) - 1) + [1]
        exact = position * np.array(weights) / whole
        assert np.abs(counts - exact).max() < 1 + np.log2(len(weights)) / 2
        before = counts


def test_every_batch_has_its_share_of_each_part_mixed_and_counted() -> None:
    order, seen = mixture(), np.zeros(3)
    for step in range(120):
        rows = batch_of(order, step)
        seen += parts_in(rows)
        assert order.examples(step + 1) == dict(zip("abc", seen, strict=True))
        assert np.abs(seen - (step + 1) * 48 * np.array(SHARES)).max() < 2
        assert np.abs(np.array(parts_in(rows)) - 48 * np.array(SHARES)).max() < 3
    first = [one.rows for one in order.micro_batches(0)]
    assert max(parts_in(rows)[2] for rows in first) < 4
    assert [len(rows) for rows in first] == [4] * 12


def test_each_part_goes_through_all_its_rows_before_it_begins_again() -> None:
    order = mixture()
    both = [one for step in range(130) for one in order.micro_batches(step)]
    rows = np.concatenate([one.rows for one in both])
    epochs = np.concatenate([one.epochs for one in both])
    for start, count in ((5300, 90), (5000, 300)):
        here = (rows >= start) & (rows < start + count)
        for epoch in range(int(here.sum()) // count):
            of_epoch = rows[here & (epochs == epoch)]
            assert sorted(of_epoch.tolist()) == list(range(start, start + count))
    small = rows[rows >= 5300]
    assert small[:90].tolist() != small[90:180].tolist()
    assert len(set(rows[rows < 5000].tolist())) == (rows < 5000).sum()


def test_a_step_of_a_mixture_is_the_same_wherever_one_begins() -> None:
    straight = mixture()
    rows = [batch_of(straight, step).tolist() for step in range(90)]
    for step in np.random.default_rng(0).permutation(90)[:25].tolist():
        assert batch_of(mixture(), step).tolist() == rows[step]
    assert batch_of(mixture(), 10**9).max() < sum(COUNTS)
    assert batch_of(mixture(seed=4), 5).tolist() != rows[5]


def test_repeated_rows_of_a_mixture_stand_in_one_batch() -> None:
    order = mixture(repeats=4)
    found = order.micro_batches(7)
    rows = np.concatenate([one.rows for one in found])
    copies = np.concatenate([one.copies for one in found])
    pairs = set(zip(rows.tolist(), copies.tolist(), strict=True))
    assert np.unique(rows, return_counts=True)[1].tolist() == [4] * 12
    assert pairs == {(row, copy) for row in rows.tolist() for copy in range(4)}
    assert all(len(set(one.rows.tolist())) == 4 for one in found)
    with pytest.raises(ConfigError, match=r"48 with task.augment.repeats 5"):
        mixture(repeats=5)


def test_a_sequential_part_keeps_the_order_of_its_rows() -> None:
    part = Part(5, 0, 0, "sequential")
    rows, epochs = part.rows(3, 12)
    assert rows.tolist() == [3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert epochs.tolist() == [0, 0, 1, 1, 1, 1, 1, 2, 2]


def test_a_part_in_shards_reads_few_at_a_time_and_tells_which() -> None:
    sizes = np.full(200, 10)
    parts = [
        Told("a", 0.5, Part(2000, 0, 0, sizes=sizes, window=2)),
        Told("b", 0.5, Part(99, 0, 1)),
    ]
    order = Mixture(parts, 32, 4, 0)
    read: list[int] = []
    for first in range(0, 120, 10):
        rows = np.concatenate([batch_of(order, step) for step in range(first, first + 10)])
        own = rows[rows < 2000]
        read += own.tolist()
        assert set((own // 10).tolist()) <= set(order.shards(first, first + 10, range(8)))
    assert len(set(read)) == len(read) == 1920
    assert len(order.shards(0, 1, range(8))) <= 8 * 2
