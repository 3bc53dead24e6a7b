"""How a run ends: when no score gets better any more, and whether it scores as expected."""

import json
from pathlib import Path

import pytest

from tests.runs import SHORT, losses, train, twin

RECIPE = twin("sequence-classification")
STILL = (
    *(*SHORT, "run.eval_every=1", "run.batch=8", "run.micro_batch=4"),
    *("data.max_valid_examples=8", "optimizer.params.lr=0.0", "run.save_every=5"),
    *("run.expected.valid/loss=[0,0.5]", 'run.expected.valid/accuracy={"min": 0}'),
)


@pytest.mark.ranks(2)
def test_patience_ends_a_run_for_good_and_the_end_says_what_was_expected(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(2, RECIPE, folder, *STILL, "run.patience=2", "parallel.zero.stage=1")
    assert list(losses(folder)) == [1, 2, 3]
    assert (folder / "latest").read_text() == "step-00000003\n"
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["step"]) == ("done", 0, 3)
    assert "of step 1 in 2 evaluations" in status["early"]
    expected = status["expected"]
    assert [one["inside"] for one in expected.values()] == [False, True]
    card = (folder / "model" / "README.md").read_text()
    assert (
        "outside what is expected: 0 to 0.5" in card
        and "inside what is expected: at least 0" in card
    )
    train(1, RECIPE, folder, *STILL, "run.patience=2")
    assert list(losses(folder)) == [1, 2, 3], "a finished run went on"
    train(1, RECIPE, folder, *STILL, "run.patience=3")
    assert list(losses(folder)) == [1, 2, 3, 4]
