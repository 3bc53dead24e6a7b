"""Which rows are read: drawn ones, and the share that is held back."""

import numpy as np
import pytest

from zoo.data.ordering.permutation import TABLE
from zoo.data.rows import ListRows, Row, Rows
from zoo.data.samples import Sample, Strata, cut, drawn


def test_a_cut_parts_the_rows_without_loss_and_by_the_seed() -> None:
    rows = ListRows([{"text": str(n)} for n in range(100)], "hundred")
    train, valid = cut(rows, 0.1, seed=1)
    texts = [{part[i]["text"] for i in range(len(part))} for part in (train, valid)]
    assert (len(train), len(valid)) == (90, 10)
    assert texts[0] | texts[1] == {str(n) for n in range(100)}
    assert cut(rows, 0.1, seed=1)[1].fingerprint == valid.fingerprint
    assert cut(rows, 0.1, seed=2)[1].fingerprint != valid.fingerprint


def test_drawn_rows_come_from_everywhere_and_in_order() -> None:
    rows = ListRows([{"text": str(n)} for n in range(1000)], "thousand")
    few = drawn(rows, 10, seed=0)
    numbers = [int(few[i]["text"]) for i in range(len(few))]
    assert len(numbers) == 10
    assert numbers == sorted(numbers)
    assert numbers[-1] > 500
    assert drawn(rows, None, 0) is rows
    assert drawn(rows, 1000, 0) is rows


def test_small_sets_are_cut_and_drawn_as_they_ever_were() -> None:
    rows = ListRows([{"text": str(n)} for n in range(1000)], "thousand")
    train, valid = cut(rows, 0.005, seed=3)
    few = drawn(rows, 6, seed=3)
    assert [int(few[i]["text"]) for i in range(6)] == [6, 315, 426, 666, 815, 879]
    assert [int(valid[i]["text"]) for i in range(5)] == [6, 315, 426, 815, 879]
    assert [int(train[i]["text"]) for i in range(5, 8)] == [5, 7, 8]


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, 1), (7, 3), (7, 6), (100, 1), (101, 50), (101, 51), (1009, 997)]
)
def test_strata_part_all_numbers_into_chosen_ones_and_the_rest(count: int, chosen: int) -> None:
    strata, every = Strata(count, chosen, seed=2), np.arange(count)
    picks = strata.picks(np.arange(chosen))
    others = strata.others(np.arange(count - chosen)) if count > chosen else every[:0]
    assert np.all(np.diff(picks) > 0)
    assert np.all(np.diff(others) > 0)
    assert sorted([*picks.tolist(), *others.tolist()]) == every.tolist()
    before = np.searchsorted(picks, np.arange(count + 1))
    assert strata.before(np.arange(count + 1)).tolist() == before.tolist()


def test_each_number_is_as_likely_as_any_other_to_be_chosen() -> None:
    counts = np.zeros(60)
    for seed in range(4000):
        counts[Strata(60, 12, seed).picks(np.arange(12))] += 1
    assert ((counts - 800) ** 2 / 640).sum() < 100  # 48 degrees of freedom: 12 stretches of 5


class Many(Rows):
    """More rows than have a table, in shards."""

    roles, fingerprint = frozenset({"text"}), "many"

    def __len__(self) -> int:
        return TABLE + 5

    def __getitem__(self, index: int) -> Row:
        return {"text": index}

    def lengths(self) -> np.ndarray:
        return np.arange(len(self), dtype=np.float64)

    def unreadable(self) -> dict[int, str]:
        return dict.fromkeys(range(1000, 1100), "broken")

    def shard_sizes(self) -> np.ndarray:
        return np.array([TABLE - 4, 0, 9])


def test_many_rows_are_cut_without_an_index_and_tell_the_same_of_themselves() -> None:
    parts = cut(Many(), 0.3, seed=1)
    indices = [np.asarray(part.lengths(), dtype=np.int64) for part in parts]
    assert np.array_equal(np.sort(np.concatenate(indices)), np.arange(TABLE + 5))
    for part, inside in zip(parts, indices, strict=True):
        assert isinstance(part, Sample)
        assert (len(part), part[77]["text"]) == (len(inside), inside[77])
        assert (part.value(9, "text"), part.roles) == (inside[9], {"text"})
        broken = np.flatnonzero((inside >= 1000) & (inside < 1100))
        assert sorted(part.unreadable()) == broken.tolist()
        sizes, first = part.shard_sizes(), int((inside < TABLE - 4).sum())
        assert sizes is not None
        assert sizes.tolist() == [first, 0, len(inside) - first]
    assert parts[0].fingerprint != parts[1].fingerprint
    assert parts[1].fingerprint != cut(Many(), 0.3, seed=2)[1].fingerprint


def test_many_drawn_rows_are_in_order_and_from_everywhere() -> None:
    few = drawn(Many(), 5, seed=0)
    numbers = [few[place]["text"] for place in range(5)]
    assert all(
        place * TABLE / 5 - 9 < at < (place + 1) * TABLE / 5 + 9 for place, at in enumerate(numbers)
    )
    assert numbers != [drawn(Many(), 5, seed=1)[place]["text"] for place in range(5)]
