"""Wrappers of rows."""

import numpy as np

from zoo.data.rows import Concatenation, LabelIds, ListRows, Subset, concatenated, cut, drawn

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
