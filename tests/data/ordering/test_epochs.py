"""The order of training rows."""

import hashlib
import time
import tracemalloc

import numpy as np
import pytest

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import train_batches
from zoo.data.ordering import epochs
from zoo.data.ordering.epochs import WINDOW, Epochs
from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.samples import cut, drawn
from zoo.errors import ConfigError


def test_every_row_but_the_last_incomplete_batch_comes_once_an_epoch() -> None:
    order = Epochs(count=103, batch=10, seed=3)
    rows = np.concatenate([order.batch_of(step) for step in range(order.steps_per_epoch)])
    assert order.steps_per_epoch == 10
    assert len(set(rows.tolist())) == 100


def test_epochs_and_seeds_differ() -> None:
    order, other = Epochs(100, 10, seed=3), Epochs(100, 10, seed=4)
    assert order.epoch_of(9) == 0
    assert order.epoch_of(10) == 1
    assert order.batch_of(0).tolist() != order.batch_of(10).tolist()
    assert order.batch_of(0).tolist() != other.batch_of(0).tolist()


def test_the_order_depends_on_the_step_alone_and_not_on_what_was_asked_before() -> None:
    order = Epochs(100, 10, seed=3)
    straight = [order.batch_of(step).tolist() for step in range(25)]
    backwards = [Epochs(100, 10, seed=3).batch_of(step).tolist() for step in reversed(range(25))]
    assert straight == backwards[::-1]


def test_sequential_order_is_the_order_of_the_data_and_leaves_no_row_out_for_ever() -> None:
    order = Epochs(7, 3, seed=1, sampling="sequential")
    steps = [order.batch_of(step).tolist() for step in range(4)]
    assert steps == [[0, 1, 2], [3, 4, 5], [6, 0, 1], [2, 3, 4]]
    whole = Epochs(6, 3, seed=1, sampling="sequential")
    assert [whole.batch_of(step).tolist() for step in range(4)] == [[0, 1, 2], [3, 4, 5]] * 2


def test_grouped_batches_hold_rows_of_like_length_and_lose_none() -> None:
    lengths = np.random.default_rng(0).uniform(1, 100, 2003)
    order = Epochs(2003, 4, 5, "group-by-length", lengths)
    batches = [order.batch_of(step) for step in range(order.steps_per_epoch)]
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    mixed = Epochs(2003, 4, 5)
    wild = np.mean([np.ptp(lengths[mixed.batch_of(step)]) for step in range(500)])
    assert len(set(np.concatenate(batches).tolist())) == 2000
    assert spread < wild / 10


def test_grouping_stays_inside_its_window() -> None:
    lengths = np.random.default_rng(0).uniform(1, 100, 2000)
    grouped, plain = Epochs(2000, 4, 5, "group-by-length", lengths), Epochs(2000, 4, 5)
    for start in range(0, 500, WINDOW):
        window = range(start, start + WINDOW)
        assert {row for step in window for row in grouped.batch_of(step).tolist()} == {
            row for step in window for row in plain.batch_of(step).tolist()
        }


def test_grouped_batches_do_not_come_from_short_to_long() -> None:
    lengths = np.arange(400, dtype=float)
    order = Epochs(400, 8, 5, "group-by-length", lengths)
    means = [lengths[order.batch_of(step)].mean() for step in range(50)]
    assert means != sorted(means)


def test_rows_of_one_length_keep_the_order_they_were_drawn_in() -> None:
    lengths = np.arange(400) % 2 * 1.0
    grouped, plain = Epochs(400, 8, 5, "group-by-length", lengths), Epochs(400, 8, 5)
    drawn = np.concatenate([plain.batch_of(step) for step in range(50)])
    batches = {tuple(grouped.batch_of(step).tolist()) for step in range(50)}
    for length in (0.0, 1.0):
        alike = drawn[lengths[drawn] == length].reshape(-1, 8)
        assert {tuple(batch) for batch in alike.tolist()} <= batches


def test_an_unknown_length_sorts_last_and_stays_in_the_set() -> None:
    lengths = np.array([3.0, np.nan, 1.0, 2.0])
    order = Epochs(4, 2, 0, "group-by-length", lengths)
    batches = sorted(order.batch_of(step).tolist() for step in range(2))
    assert batches == [[0, 1], [2, 3]]


def test_a_batch_larger_than_the_data_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"run.batch: found a batch of 8 from 7"):
        Epochs(7, 8, 0)


def test_grouping_rows_of_unknown_length_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.sampling: found group-by-length"):
        Epochs(8, 2, 0, "group-by-length", None)


@pytest.mark.parametrize("sampling", ["random", "sequential"])
def test_a_row_is_repeated_within_its_batch_and_its_copies_are_far_apart(sampling: str) -> None:
    order = Epochs(100, 12, seed=3, sampling=sampling, repeats=3)
    assert order.steps_per_epoch == 8
    seen = []
    for step in range(16):
        rows, copies = order.batch_of(step), order.copies_of(step)
        assert sorted(np.unique(rows, return_counts=True)[1]) == [3] * 4
        for row in set(rows.tolist()):
            places = np.flatnonzero(rows == row)
            assert np.diff(places).min() >= 4
            assert sorted(copies[places]) == [0, 1, 2]
        seen += [set(rows.tolist())]
    assert len(set.union(*seen[:8])) == 32  # a third of the 96 rows of an epoch
    again = Epochs(100, 12, seed=3, sampling=sampling, repeats=3)
    assert again.batch_of(13).tolist() == order.batch_of(13).tolist()


def test_copies_that_do_not_fit_into_a_batch_go_on_in_the_next_one() -> None:
    order = Epochs(64, 8, seed=1, repeats=3)
    both = [(order.batch_of(step), order.copies_of(step)) for step in range(8)]
    pairs = [pair for rows, copies in both for pair in zip(rows.tolist(), copies, strict=True)]
    assert len(set(pairs)) == len(pairs) == 64
    assert {copy for _, copy in pairs} == {0, 1, 2}


@pytest.mark.parametrize(
    ("sampling", "repeats", "digest"),
    [
        ("random", 1, "d33d90f19662f2f0"),
        ("sequential", 1, "886c85af709f6ca2"),
        ("group-by-length", 1, "dac493f1203aebba"),
        ("random", 3, "02975b8653d68f56"),
    ],
)
def test_runs_of_before_keep_their_order(sampling: str, repeats: int, digest: str) -> None:
    lengths = np.random.default_rng(0).uniform(1, 100, 2003)
    order = Epochs(2003, 6, 5, sampling, lengths, repeats)
    assert order.batch_of(0).tolist() == FIRST[sampling, repeats]
    both = [(order.batch_of(step), order.copies_of(step)) for step in range(700)]
    content = b"".join(one.astype("<i8").tobytes() for pair in both for one in pair)
    assert hashlib.sha256(content).hexdigest().startswith(digest)


FIRST = {
    ("random", 1): [841, 856, 432, 90, 1975, 1608],
    ("sequential", 1): [0, 1, 2, 3, 4, 5],
    ("group-by-length", 1): [1918, 1615, 719, 128, 827, 1070],
    ("random", 3): [841, 856, 841, 856, 841, 856],
}


@pytest.mark.parametrize("sampling", ["random", "sequential", "group-by-length"])
@pytest.mark.parametrize("repeats", [1, 3])
def test_rows_beyond_a_table_come_once_an_epoch_and_by_step_alone(
    sampling: str, repeats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sampling == "group-by-length" and repeats > 1:
        return  # images, which are repeated, have no length
    monkeypatch.setattr(epochs, "TABLE", 1000)
    monkeypatch.setattr(epochs, "PLACES", 100)
    lengths = np.random.default_rng(0).uniform(1, 100, 2003)
    order = Epochs(2003, 12, 5, sampling, lengths, repeats)
    batches = [order.batch_of(step) for step in range(2 * 166)]
    for epoch in (batches[:166], batches[166:]):
        rows, times = np.unique(np.concatenate(epoch), return_counts=True)
        assert len(rows) == 166 * 12 // repeats
        assert set(times.tolist()) == {repeats}
    for step in np.random.default_rng(1).permutation(332)[:30].tolist():
        again = Epochs(2003, 12, 5, sampling, lengths, repeats)
        assert again.batch_of(step).tolist() == batches[step].tolist()
    if sampling == "group-by-length":
        assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 5


class Blocks(Rows):
    """As many blocks of tokens as a large corpus has."""

    roles, fingerprint = frozenset({"input_ids"}), "blocks"

    def __len__(self) -> int:
        return 10**8

    def __getitem__(self, index: int) -> Row:
        return {"input_ids": np.arange(index, index + 8)}


@pytest.mark.parametrize("sampling", ["random", "sequential"])
@pytest.mark.parametrize("step", [0, 123_456_789])
def test_the_first_batch_of_a_hundred_million_rows_is_there_at_once(
    sampling: str, step: int
) -> None:
    tracemalloc.start()
    try:
        started = time.perf_counter()
        train, _ = cut(drawn(Blocks(), 9 * 10**7, 1), 0.001, 0)
        order = Epochs(len(train), 480, 1, sampling, micro_batch=8)
        batches = train_batches(train, order, example, collate, 2, 3, 1, 0, step, CorruptLimit())
        found = next(batches)[1]["ids"]
        spent, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == order.micro_batches(step)[7].rows.tolist()
    assert spent < 5
    assert peak < 8e6  # bytes; an index of the rows is 720 MB


def example(row: Row, rng: np.random.Generator, training: bool) -> Example:
    return dict(row)


def collate(examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
    return {"inputs": np.stack([one["input_ids"] for one in examples])}
