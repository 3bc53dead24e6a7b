"""Built-in numbers: both directions, and none of the held-out numbers is trained on."""

import pytest

from zoo.data.builtin.numbers import NumberRows, in_words


@pytest.mark.parametrize(
    "number, words",
    [
        (0, "zero"),
        (19, "nineteen"),
        (40, "forty"),
        (407, "four hundred seven"),
        (90_012, "ninety thousand twelve"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
    ],
)
def test_a_number_is_spelled_as_it_is_said(number: int, words: str) -> None:
    assert in_words(number) == words


def test_held_out_numbers_are_never_trained_on() -> None:
    train, valid, test = (set(NumberRows(s).numbers) for s in ("train", "validation", "test"))
    assert not train & valid and not train & test and not valid & test
    assert min(valid | test) >= 100 and max(train) < 10**6


def test_half_of_the_rows_spell_and_half_read() -> None:
    rows = NumberRows("test")
    assert 0.4 < sum(rows.spells) / len(rows) < 0.6
    for index in range(20):
        digits, words = " ".join(str(rows.numbers[index])), in_words(rows.numbers[index])
        pair = (digits, words) if rows.spells[index] else (words, digits)
        assert tuple(rows[index].values()) == pair
