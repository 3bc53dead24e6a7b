"""Wrappers of rows."""

import numpy as np

from zoo.data.joined import Concatenation, concatenated
from zoo.data.labels import LabelIds
from zoo.data.rows import ListRows, Subset

LEFT = ListRows([{"text": "a" * n, "label": "x"} for n in range(3)], "left")
RIGHT = ListRows([{"text": "b" * n} for n in range(4)], "right")


def test_a_concatenation_is_one_after_the_other() -> None:
    rows = Concatenation([LEFT, RIGHT])
    assert [rows[i]["text"] for i in range(len(rows))] == ["", "a", "aa", "", "b", "bb", "bbb"]
    lengths = rows.lengths()
    assert lengths is not None
    assert lengths.tolist() == [0, 1, 2, 0, 1, 2, 3]


def test_a_concatenation_promises_only_the_roles_that_all_have() -> None:
    assert Concatenation([LEFT, RIGHT]).roles == {"text"}


def test_one_part_alone_is_not_wrapped() -> None:
    assert concatenated([LEFT]) is LEFT


def test_fingerprints_follow_content_and_order() -> None:
    prints = {
        Concatenation([LEFT, RIGHT]).fingerprint,
        Concatenation([RIGHT, LEFT]).fingerprint,
        Subset(LEFT, np.array([0, 1])).fingerprint,
        Subset(LEFT, np.array([1, 0])).fingerprint,
        LabelIds(LEFT, {"x": 0}).fingerprint,
        LabelIds(LEFT, {"x": 1}).fingerprint,
    }
    assert len(prints) == 6
    assert Subset(LEFT, np.array([0, 1])).fingerprint == drawn_first(LEFT).fingerprint


def drawn_first(rows: ListRows) -> Subset:
    return Subset(rows, np.array([0, 1], dtype=np.int32))


def test_a_label_becomes_its_id_and_the_row_itself_stays() -> None:
    assert LabelIds(LEFT, {"x": 4})[1] == {"text": "a", "label": 4}
    assert LEFT[1]["label"] == "x"


class Shards(ListRows):
    """Rows in shards."""

    def __init__(self, *sizes: int) -> None:
        super().__init__([{"text": str(n)} for n in range(sum(sizes))], f"shards {sizes}")
        self.sizes = np.array(sizes)

    def shard_sizes(self) -> np.ndarray:
        return self.sizes


def test_rows_of_shards_stay_rows_of_shards_when_they_are_joined_cut_and_labelled() -> None:
    both = Concatenation([Shards(3, 0, 4), Shards(2)])
    sizes = [Subset(both, np.array([0, 1, 5, 7, 8])).shard_sizes(), both.shard_sizes()]
    assert [one.tolist() for one in sizes if one is not None] == [[2, 0, 1, 2], [3, 0, 4, 2]]
    assert Subset(both, np.array([5, 0])).shard_sizes() is None
    assert Concatenation([both, LEFT]).shard_sizes() is None
