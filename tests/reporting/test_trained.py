"""What a report says of what was trained on which data."""

from pathlib import Path
from typing import Any

from zoo.reporting import recipes, sets
from zoo.reporting.charts import MOST_CLASSES, charts_of
from zoo.reporting.facts import headline, scores_of
from zoo.reporting.page import page_of
from zoo.reporting.reading import Curve, Run

START = {"event": "start", "step": 0, "at": 1.0, "train": 70, "valid": {"valid": 3}}


def run_of(curves: dict[str, float | None] | None = None, **more: Any) -> Run:
    """A run with one value a key."""
    made = {key: Curve([5], [value]) for key, value in (curves or {}).items()}
    task = {"kind": "semantic-segmentation"}
    recipe = {"task": task, "run": {"steps": 9, "seed": 1, "betas": [0.9, 0.98]}}
    return Run(Path("a"), recipe, more, curves=made, events=[{**START}], name="a")


def test_each_key_that_was_changed_stands_with_both_values_and_who_changed_it() -> None:
    changes = {
        "run.steps": {"was": 100, "by": "command line: run.steps=9"},
        "run.betas": {"was": [0.9, 0.999], "by": "tiny.json"},
        "run.epochs": {"was": 3.0, "by": "run.steps was set by command line: run.steps=9"},
        "run.seed": {"was": 1, "by": "command line: run.seed=1"},  # and set back by a resume
    }
    typed, others = recipes.changes(run_of(changes=changes, twin=True))
    assert typed[0] == ["run.steps", "100", "9", "run.steps=9"]
    assert typed[1][:3] == ["run.epochs", "3.0", "not set"]
    assert others == [["run.betas", "[0.9, 0.999]", "[0.9, 0.98]", "tiny.json"]]
    page = page_of([run_of(changes=changes, twin=True)], "")
    assert "in the file" in page and "The twin&#39;s own 1 changes" in page.replace("'", "&#39;")


def test_scores_of_classes_share_a_chart_of_the_lowest_and_a_table_of_all() -> None:
    curves: dict[str, float | None] = {f"valid/iou/c{n}": n / 200 for n in range(150)}
    run = run_of({"loss": 1.0, "valid/miou": 0.5, **curves, "valid/iou/none": None})
    shown = {chart.title: chart.keys for chart in charts_of([run])}
    [title] = [title for title in shown if "classes" in title]
    assert len(shown[title]) == MOST_CLASSES and "valid/iou/c0" in shown[title]
    assert len(shown) == 3
    page = page_of([run], "")
    assert "Scores of 151 classes" in page and page.count("valid/iou/c149") == 1


def test_data_are_told_with_classes_and_what_was_lost() -> None:
    run = run_of({"loss": 1.0, "blank_masks": 4, "examples": 70, "padding": 0.25}, labels=["x"])
    told = dict(sets.facts_of(run)[1])
    assert told["1 classes"] == "x" and told["lost targets: blank masks"] == "4"
    assert told["examples learned from"] == "70"
    assert told["padding, on average"] == "25.0% of the positions"
    assert sets.sets_of(run)[1] == [["train", "70"], ["valid", "3"]]


def test_scores_are_those_of_the_problem_that_the_task_has() -> None:
    task = {"kind": "sequence-classification", "problem": "regression"}
    run = run_of({"valid/loss": 1.0, "valid/pearson": 0.5, "valid/mse": 1.0})
    run.recipe["task"] = task
    assert headline(run) == "valid/pearson" and next(iter(scores_of(run))) == "valid/pearson"
    assert [one.larger for one in scores_of(run).values()] == [True, False, False]
    assert {chart.keys: chart.unit for chart in charts_of([run])}[("valid/mse",)] == "squared error"


def test_scores_that_belong_together_share_a_chart_and_some_are_only_told() -> None:
    run = run_of({"loss": 1.0, "valid/margin": 1.0, "valid/chosen_logp": -2.0})
    run.curves |= {"valid/rejected_logp": Curve([5], [-3.0]), "valid/loss": Curve([1], [1.0])}
    run.recipe["task"] = {"kind": "preference", "loss": "dpo"}
    shown = {chart.keys: chart for chart in charts_of([run])}
    both = shown[("valid/chosen_logp", "valid/rejected_logp")]
    assert (both.title, both.unit) == ("Score: log-probability of answers", "nats an answer")
    assert ("loss", "valid/loss") in shown
    assert scores_of(run)["valid/rejected_logp"].larger is None
    assert ">neither<" in page_of([run], "")


def test_counts_of_parts_and_of_what_lost_targets_have_a_chart_each() -> None:
    curves: dict[str, float | None] = {
        "examples/web": 7,
        "examples/code": 3,
        "dropped": 2,
        "truncated": 1,
    }
    titles = {chart.title: chart.keys for chart in charts_of([run_of(curves)])}
    assert titles["Examples of each part"] == ("examples/web", "examples/code")
    assert titles["Examples that lost targets"] == ("dropped", "truncated")


def test_what_training_began_with_is_told_with_its_adapter() -> None:
    run = run_of()
    run.events[:] = [{**START, "parameters": 1000, "trained": 10}]
    lora = {"r": 8, "alpha": 16, "target_modules": ["q", "v"], "modules_to_save": ["head"]}
    run.recipe["model"] = {"name": "org/base", "revision": "abc", "lora": lora}
    told = dict(recipes.beginnings(run))
    assert told["started from"] == "org/base, revision abc"
    assert told["adapter (LoRA)"] == "rank 8, alpha 16, on q, v"
    assert told["trained whole beside it"] == "head"
    assert (told["parameters trained"], told["parameters frozen"]) == ("10, 1.00% of 1,000", "990")
    run.recipe["model"] = {"weights": "random", "name": "org/base"}
    assert dict(recipes.beginnings(run))["started from"] == "random weights"


def test_corrupt_rows_are_listed_with_why() -> None:
    run = run_of({"loss": 1.0, "corrupt": 3})
    run.events.append(
        {"event": "corrupt", "step": 2, "at": 2.0, "set": "train", "row": 7, "why": "no text"}
    )
    assert sets.corrupt_rows(run)[1] == [["train", "no text"]]
    page = page_of([run], "")
    assert "Corrupt rows, left out: 1<" in page and "no text" in page


def test_a_twin_is_said_to_be_of_the_packages_data_where_it_is() -> None:
    run = run_of(twin=True)
    run.recipe["data"] = {"source": "built-in", "name": "shapes"}
    assert "on data that the package makes itself" in page_of([run], "")
    run.recipe["data"] = {"source": "files", "folder": "mine"}
    assert "on data that the package makes itself" not in page_of([run], "")
