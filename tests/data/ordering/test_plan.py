"""Batches of an amount: every row once, never too much, the same for whoever asks."""

import time

import numpy as np
import pytest

from zoo.data.ordering.plan import WINDOW, Plan, cut_by_amount

LENGTHS = np.random.default_rng(0).gamma(3.0, 2.0, 5000) + 0.5
PER_STEP = 8


def plan(lengths: np.ndarray = LENGTHS, amount: float = 60, seed: int = 3, **more: str) -> Plan:
    return Plan(lengths, amount, PER_STEP, seed, **more)


def rows_of(order: Plan, steps: range) -> np.ndarray:
    """The rows that count in some steps."""
    found = [one.rows[: one.examples] for step in steps for one in order.micro_batches(step)]
    return np.concatenate(found)


def padded(lengths: np.ndarray, rows: np.ndarray) -> float:
    return float(lengths[rows].max() * len(rows))


@pytest.mark.parametrize("amount", [float(LENGTHS.max()), 60, 1e6])
@pytest.mark.parametrize("sampling", ["random", "sequential"])
def test_every_row_stands_once_in_every_epoch(amount: float, sampling: str) -> None:
    order, begin = plan(amount=amount, sampling=sampling), 0
    for epoch in range(3):
        end = begin
        while order.epoch_of(end) == epoch:
            end += 1
        assert sorted(rows_of(order, range(begin, end)).tolist()) == list(range(len(LENGTHS)))
        begin = end


def test_a_micro_batch_has_no_more_than_the_amount_with_its_padding_and_a_step_equally_many() -> (
    None
):
    order = plan()
    for step in range(2 * order.steps_per_epoch):
        parts = order.micro_batches(step)
        assert len(parts) == PER_STEP
        assert all(padded(LENGTHS, one.rows) <= 60 for one in parts)


def test_rows_of_a_micro_batch_are_of_like_length() -> None:
    order = plan()
    parts = [one for s in range(order.steps_per_epoch) for one in order.micro_batches(s)]
    total = sum(padded(LENGTHS, one.rows) for one in parts if one.examples)
    assert 1 - LENGTHS.sum() / total < 0.05
    shuffled = np.random.default_rng(1).permutation(LENGTHS)[:4800].reshape(-1, 8)
    assert 1 - shuffled.sum() / (shuffled.max(1) * 8).sum() > 0.4  # what eight at random have


def test_a_step_is_the_same_whatever_was_asked_before_and_changes_with_seed_and_epoch() -> None:
    asked, fresh = plan(), plan()
    steps = [5, 400, 3, 180, 0]
    for step in steps:
        same = zip(asked.micro_batches(step), plan().micro_batches(step), strict=True)
        assert all(np.array_equal(one.rows, other.rows) for one, other in same)
    first = fresh.micro_batches(0)[0].rows
    assert not np.array_equal(first, plan(seed=4).micro_batches(0)[0].rows)
    again = next(s for s in range(1000) if fresh.epoch_of(s) == 1)
    assert not np.array_equal(first, fresh.micro_batches(again)[0].rows)


def test_what_is_left_of_an_epoch_is_filled_up_with_rows_that_do_not_count() -> None:
    order = plan(np.array([3.0, 5.0, 4.0]), 5)
    (*_, last) = (order.micro_batches(s) for s in range(order.steps_per_epoch))
    assert order.steps_per_epoch == 1 and [one.examples for one in last].count(0) == 5
    assert all(len(one.rows) for one in last)


def test_a_row_of_unknown_length_goes_with_the_longest() -> None:
    lengths = np.where(np.arange(len(LENGTHS)) == 7, np.nan, LENGTHS)
    order = plan(lengths)
    parts = [one for s in range(order.steps_per_epoch) for one in order.micro_batches(s)]
    (its,) = [one for one in parts if 7 in one.rows[: one.examples]]
    assert len(its.rows) * LENGTHS.max() <= 60


def test_the_largest_micro_batch_is_the_largest_of_the_epoch() -> None:
    order = plan()
    parts = [one for s in range(order.steps_per_epoch) for one in order.micro_batches(s)]
    assert padded(LENGTHS, order.largest()) == max(padded(LENGTHS, one.rows) for one in parts)


def test_evaluation_has_every_row_once_and_long_ones_alone() -> None:
    lengths = np.append(LENGTHS, [np.nan, 500.0])
    cuts = cut_by_amount(lengths, 60)
    assert sorted(np.concatenate(cuts).tolist()) == list(range(len(lengths)))
    for cut in cuts:
        assert len(cut) == 1 or padded(lengths, cut) <= 60


def test_a_million_rows_are_planned_in_half_a_second() -> None:
    lengths = np.random.default_rng(2).uniform(1, 17, 1_000_000)
    order = Plan(lengths, 120, 16, 0)
    started = time.process_time()
    order.micro_batches(order.steps_per_epoch + 10)
    assert len(lengths) > 20 * WINDOW and time.process_time() - started < 0.5
