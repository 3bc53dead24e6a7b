"""What is printed fits a terminal, and what one copies stands in one piece."""

from pathlib import Path

import pytest

from tests.importing.test_import import FILES, FOLDER
from zoo.drafting.writing import as_text
from zoo.importing.telling import page, remarks
from zoo.importing.whole import imported
from zoo.recipe.compose.json_text import parse
from zoo.telling.page import in_lines


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_but_for_one_word_that_is(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    for file in FILES:
        whole = imported([Path(file.name)], None, None)
        tables = page(whole, Path("my.json"), []).tables
        lines = [line for _, rows in tables for line in in_lines(rows, width)]
        for line in lines:
            assert len(line) <= width or len(line.split()) == 1, line
        told = " ".join(" ".join(lines).split())
        for one in whole.account.entries:
            assert one.key in told
            assert one.to in told


def test_what_is_not_in_the_recipe_stands_above_it_as_a_comment() -> None:
    whole = imported([FOLDER / "axolotl_dpo.yaml"], None, None)
    text = as_text(whole.sections, whole.account.reasons, remarks(whole.account))
    comments = [line for line in text.splitlines() if line.startswith("//")]
    assert "// not possible here:" in comments
    assert any("llm_int8_threshold: 5.0: " in line for line in comments)
    assert parse(text, "my.json") == whole.sections
