"""Which rows an exported model is asked about for its report, and how much of a text is shown."""

from zoo.data.rows import ListRows
from zoo.predicting.against import Stretch
from zoo.reporting.examples import LINE, LINES, asked_of, shortened


def test_rows_are_asked_of_every_set_alike() -> None:
    sets = {name: ListRows([{"text": "x"}] * count, name) for name, count in (("a", 9), ("b", 90))}
    asked = [(name, index) for name, _, index in asked_of(sets, 5)]
    assert [name for name, _ in asked] == ["a", "a", "a", "b", "b"]
    assert len({*asked}) == 5 and ("b", 89) in asked
    assert [name for name, *_ in asked_of(sets, 1)] == ["a"]


def test_a_text_of_many_lines_or_characters_is_cut_and_says_so() -> None:
    spans = [Stretch("a\nb"), Stretch("\n" * 64, "written"), Stretch("more")]
    found = shortened(spans)
    assert sum(one.text.count("\n") for one in found) == LINES - 1
    assert found[-1] == Stretch(" …") and found[1].how == "written"
    assert shortened([Stretch("x" * LINE)]) == [Stretch("x" * LINE)]
    assert len(shortened([Stretch("x" * LINE), Stretch("y")])) == 3
