"""What is drawn while something long goes on, on terminals and elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import shown_by
from zoo.telling.phases import shown, size_of

LONG = """
import time
from zoo.telling.phases import shown
for one in shown(range(4), "loading weights of a model with a name that is long", "parts"):
    time.sleep(0.1)
print("done")
"""


@pytest.mark.parametrize(("columns", "count"), [(60, "2 of"), (120, "2 of 4 parts")])
def test_how_far_it_is_is_drawn_within_the_terminal_and_goes_away(columns: int, count: str) -> None:
    screen, written = shown_by(columns, "-c", LONG)
    assert screen == ["done"]
    assert count in written


def test_nothing_is_drawn_in_a_pipe() -> None:
    words = [sys.executable, "-c", LONG]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_items_come_in_their_order() -> None:
    assert [*shown([3, 1, 2], "counting", "numbers")] == [3, 1, 2]


def test_a_folder_that_is_not_there_has_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert (size_of(tmp_path), size_of(tmp_path / "none")) == (5, 0)
