"""A shuffled order without a table."""

import numpy as np
import pytest

from zoo.data.ordering.permutation import Permutation, shuffled

COUNTS = [*range(1, 40), 63, 64, 65, 255, 257, 1000, 4097, 65535, 65537, 100_003]


@pytest.mark.parametrize("count", COUNTS)
def test_every_number_stands_at_one_place(count: int) -> None:
    found = Permutation(count, 3, 1, 4)(np.arange(count))
    assert np.array_equal(np.sort(found), np.arange(count))


def test_an_order_is_what_it_is_for_ever() -> None:
    found = Permutation(10**9 + 7, 0, 1, 2)(np.array([0, 1, 2, 10**9 + 6]))
    assert found.tolist() == [884897644, 12453197, 751378705, 475984225]
    far = Permutation(2**62, 5)(np.array([2**62 - 1, 0]))
    assert np.all((far >= 0) & (far < 2**62))


def test_a_place_beyond_the_end_is_no_endless_walk() -> None:
    with pytest.raises(AssertionError):
        Permutation(10, 1)(np.array([10]))


def test_keys_give_orders_of_their_own() -> None:
    orders = {
        tuple(Permutation(500, *key)(np.arange(500))) for key in ((1, 2), (2, 1), (12,), (1,))
    }
    assert len(orders) == 4


def test_a_shuffled_order_is_told_from_chance_by_no_simple_count() -> None:
    keys, count = 2000, 200
    first, pairs, steps, fixed = (np.zeros(20) for _ in range(4))
    for key in range(keys):
        found = Permutation(count, key, 1, 0)(np.arange(count))
        first[found[7] // 10] += 1
        pairs[(found[30] // 50) * 4 + found[31] // 50] += 1
        steps[(found[100] - found[101]) % count // 10] += 1
        fixed[0] += (found == np.arange(count)).sum()
        fixed[1] += (np.diff(found) < 0).mean()
    assert chi2(first) < 43.8  # 19 degrees of freedom, one in a thousand
    assert chi2(pairs[:16]) < 37.7  # 15
    assert chi2(steps) < 43.8
    assert abs(fixed[0] / keys - 1) < 0.1  # one element stays in its place on average
    assert abs(fixed[1] / keys - 0.5) < 0.003


def chi2(counts: np.ndarray) -> float:
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum())


def test_few_places_have_numpys_order_and_many_have_one_of_the_same_kind() -> None:
    few = shuffled(50, 1, 2, 3, table=50)(np.arange(50))
    assert few.tolist() == np.random.default_rng([1, 2, 3]).permutation(50).tolist()
    many = shuffled(51, 1, 2, 3, table=50)(np.arange(51))
    assert many.tolist() == Permutation(51, 1, 2, 3)(np.arange(51)).tolist()
