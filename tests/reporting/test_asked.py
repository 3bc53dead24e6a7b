"""Which rows an exported model is asked about for its report, and how much of a text is shown."""

from zoo.data.rows import ListRows
from zoo.predicting.against import Stretch
from zoo.reporting.examples import LINE, LINES, asked_of, shortened


def test_rows_are_asked_of_every_set_alike_as_far_as_there_are_so_many() -> None:
    sizes = (("a", 90), ("b", 9), ("c", 1))
    sets = {name: ListRows([{"text": "x"}] * count, name) for name, count in sizes}
    asked = [(name, index) for name, _, index in asked_of(sets, 8)]
    assert "".join(name for name, _ in asked) == "aaabbbbc"
    assert len({*asked}) == 8 and ("a", 89) in asked
    assert len([*asked_of(sets, 1)]) == 1
    assert len([*asked_of(sets, 200)]) == 100


def test_a_text_of_many_lines_or_characters_is_cut_and_says_so() -> None:
    spans = [Stretch("a\nb"), Stretch("\n" * 64, "written"), Stretch("more")]
    found = shortened(spans)
    assert sum(one.text.count("\n") for one in found) == LINES - 1
    assert found[-1] == Stretch(" …") and found[1].how == "written"
    assert shortened([Stretch("x" * LINE)]) == [Stretch("x" * LINE)]
    assert len(shortened([Stretch("x" * LINE), Stretch("y")])) == 3
