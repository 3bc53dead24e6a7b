"""Which rows are equal to an earlier one, in bounded memory."""

import tracemalloc

import numpy as np

from zoo.data.audio import Stretch
from zoo.data.filtering.duplicates import hashed, repeated


def test_every_row_but_the_first_with_a_hash_is_a_copy() -> None:
    drawn = np.random.default_rng(0).integers(0, 5_000, 9_000).astype(np.uint64)
    seen: set[int] = set()
    expected = [value in seen or seen.add(value) for value in drawn.tolist()]  # type: ignore[func-returns-value]
    assert repeated(drawn).tolist() == [bool(one) for one in expected]
    assert not repeated(np.zeros(0, np.uint64)).any() and not repeated(drawn[:1]).any()


def test_two_million_rows_are_compared_in_ten_bytes_each() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**63, 2_000_000).astype(np.uint64)
    hashes[1_999_999] = hashes[7]
    tracemalloc.start()
    found = np.flatnonzero(repeated(hashes))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tolist() == [1_999_999]
    assert most < 40e6  # with a sorted copy, what is told of neighbours and a stretch of places


def test_columns_are_told_apart() -> None:
    assert hashed(["ab", "c"]) != hashed(["a", "bc"])
    assert hashed(["1"]) == hashed([b"1"]) and hashed([1]) != hashed([2])
    whole = Stretch(b"sound", 0.0, 1.0)
    assert hashed([whole]) != hashed([whole._replace(start=1.0)])
    assert hashed([np.zeros((2, 1))]) != hashed([np.zeros((1, 2))])
