"""The questions of `zoo new`, answered on a terminal."""

from pathlib import Path

from tests.own_data import write_reviews
from tests.terminal import shown_by
from zoo.recipe import load_recipe

DATA, TASK, RECIPE = "where is your data", "which task?", "which recipe to start from?"


def test_a_stranger_answers_three_questions_and_a_slip_is_asked_again(tmp_path: Path) -> None:
    write_reviews(tmp_path / "reviews.csv")
    answers = [
        (DATA, "revews.csv"),
        (DATA, "reviews.csv"),
        (TASK, "sequence-clasification"),
        (TASK, ""),
        (RECIPE, "99"),
        (RECIPE, "1"),
    ]
    _, written = shown_by(80, "-m", "zoo", "new", "my.json", folder=tmp_path, answers=answers)
    assert "try: reviews.csv" in written
    assert "did you mean sequence-classification?" in written
    assert "'99' is none of them: a name, or a number from 1 to" in written
    assert "next: zoo check my.json --deep" in written
    assert load_recipe(tmp_path / "my.json").task.kind == "sequence-classification"
