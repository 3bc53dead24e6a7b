"""Which of several runs is called the best."""

from typing import Any

from tests.reporting.test_trained import run_of
from zoo.reporting.charts import charts_of
from zoo.reporting.comparing import comparable, winners
from zoo.reporting.page import page_of
from zoo.reporting.reading import Run

NONE = "none is called the best"


def preferring(loss: str, accuracy: float, margin: float, **data: Any) -> Run:
    """A run of preferences by some loss."""
    run = run_of({"loss": 1.0, "valid/reward_accuracy": accuracy, "valid/margin": margin})
    run.recipe |= {"task": {"kind": "preference", "loss": loss}, "data": data}
    return run


def test_the_best_of_several_runs_is_the_largest_or_the_smallest_as_the_score_says() -> None:
    runs = [run_of({"valid/miou": one, "valid/loss": one}) for one in (0.25, 0.5)]
    assert winners(runs) == {"valid/miou": 0.5, "valid/loss": 0.25}


def test_runs_of_other_rows_or_another_task_have_no_best() -> None:
    one, two = (run_of({"valid/miou": score}) for score in (0.25, 0.5))
    one.recipe["data"] = {"source": "hub", "name": "a", "valid": "test", "train": "x", "workers": 1}
    two.recipe["data"] = {**one.recipe["data"], "train": "y", "workers": 8}
    assert comparable([one, two]) and NONE not in page_of([one, two], "")
    for key, value in (("name", "b"), ("valid", 0.1), ("max_valid_examples", 9)):
        other = run_of({"valid/miou": 1.0})
        other.recipe["data"] = {**one.recipe["data"], key: value}
        assert winners([one, other]) == {} and NONE in page_of([one, other], "")
    shares = [run_of({"valid/miou": 1.0}) for _ in "ab"]
    for run, train in zip(shares, "xy", strict=True):
        run.recipe["data"] = {"source": "hub", "name": "a", "valid": 0.1, "train": train}
    assert not comparable(shares)


def test_runs_by_other_losses_are_compared_by_the_headline_alone() -> None:
    runs = [preferring("dpo", 0.5, 9.0), preferring("ipo", 0.75, 1.0)]
    assert winners(runs) == {"valid/reward_accuracy": 0.75}
    runs = [preferring("dpo", 0.5, 9.0), preferring("dpo", 0.75, 1.0)]
    assert winners(runs) == {"valid/reward_accuracy": 0.75, "valid/margin": 9.0}


def test_the_loss_of_runs_that_lose_other_things_has_no_unit() -> None:
    runs = [run_of({"loss": 1.0}), preferring("dpo", 0.5, 9.0)]
    assert [charts_of(some)[0].unit for some in (runs[:1], runs)] == ["nats", "loss"]
