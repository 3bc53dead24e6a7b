"""The built-in questions: an answer stands where it is said to, and no name is in two splits."""

from pathlib import Path

import pytest

from zoo.data.builtin import constants
from zoo.data.builtin.constants import assigned, open_constants
from zoo.data.sources.opened import Wanted
from zoo.recipe.vocabulary.kinds import KINDS

WANTED = Wanted.of(KINDS["question-answering"])


def test_assignments_are_of_one_name_and_a_plain_value() -> None:
    text = "a = 1\nb = 'x y'; c = name\nd = e = 2\nf.g = 3\nh = (1, 2)\ni = '--'\nj = 'é'\n"
    assert [*assigned(text)] == [
        ("a", "1"), ("b", "'x y'"), ("c", "name"), ("d", ""), ("h", ""), ("i", ""), ("j", "")
    ]  # fmt: skip


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of a few files."""
    some = tuple(path for path in constants.library_files() if path < "d" and "/" not in path)
    monkeypatch.setattr(constants, "library_files", lambda: some)


@pytest.mark.usefixtures("few_files")
def test_answers_stand_where_they_are_said_to_and_names_in_one_split(tmp_path: Path) -> None:
    names: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        rows = open_constants(split, tmp_path, WANTED).rows
        names[split] = set()
        for index in range(min(len(rows), 300)):
            row, again = rows[index], rows[index]
            assert row == again
            lines = row["context"].split("\n")
            ((start, value),) = row["answers"]
            assert f"{row['question']} = {value}" in lines
            assert row["context"][start:].split("\n")[0] == value
            assert 1 <= len(lines) <= 4
            found = [line.partition(" = ")[0] for line in lines]
            assert len(found) == len(set(found))
            names[split].update(found)
    assert not names["train"] & names["test"] and not names["validation"] & names["test"]
