"""The report of runs whose folders are written here: what stands in it is what the files say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import ConfigError
from zoo.reporting import facts, recipes
from zoo.reporting.page import page_of
from zoo.reporting.reading import Curve, read_run, read_runs
from zoo.reporting.thinning import smoothed, thinned

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def written(root: Path, rows: int, **recipe: Any) -> Path:
    """A run's folder with so many rows of training, an evaluation and a resume."""
    root.mkdir(parents=True)
    (root / "recipe.json").write_text(
        json.dumps({"task": {"kind": "sequence-classification"}, "run": {"seed": 0}, **recipe})
    )
    (root / "status.json").write_text(json.dumps({"state": "done", "step": rows, "at": 100.0}))
    (root / "origin.json").write_text(
        json.dumps({"recipe": EVIL, "words": ["run.seed=0"], "origins": {"run.seed": "typed"}})
    )
    lines = [
        {"step": n + 1, "loss": 5 / (n + 1), "lr": 0.1, "step_seconds": 0.5, "data_seconds": 0.125}
        for n in range(rows)
    ]
    lines[rows // 2]["loss"] = None
    scores = {"step": rows, "valid/accuracy": 0.75, "valid/loss": 0.5}
    text = "".join(json.dumps(line) + "\n" for line in [*lines, scores])
    (root / "metrics.jsonl").write_text(text + '{"step": 99, "lo')
    events = [
        {"event": "start", "step": 0, "at": 10.0, "seconds": 2.0, "train": 7, "processes": 1},
        {"event": "checkpoint", "step": 5, "at": 20.0, "seconds": 3.0},
        {"event": "start", "step": 5, "at": 50.0, "seconds": 2.0, "command": "zoo train x"},
        {"event": "evaluation", "step": rows, "at": 90.0, "seconds": 4.0},
    ]
    (root / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    return root


def data_in(page: str) -> dict[str, Any]:
    """The block that machines read."""
    found = re.search(r'<script type="application/json" id="run-data">(.*?)</script>', page, re.S)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_the_values_in_the_page_are_those_of_metrics(tmp_path: Path) -> None:
    page = page_of([read_run(written(tmp_path / "a", 40))], "")
    curves = data_in(page)["runs"][0]["curves"]
    rows = [json.loads(line) for line in (tmp_path / "a/metrics.jsonl").open() if line[-2] == "}"]
    for key in ("loss", "lr", "step_seconds", "valid/accuracy"):
        wanted = [(row["step"], row[key]) for row in rows if key in row]
        assert [*zip(curves[key]["steps"], curves[key]["values"], strict=True)] == wanted


def test_of_many_rows_the_least_and_the_most_of_each_stretch_stay(tmp_path: Path) -> None:
    values: list[float | None] = [float(n % 7) for n in range(100_000)]
    values[31_234], values[77_777], values[50_000] = 900.0, -900.0, None
    curve = Curve([*range(100_000)], values)
    found = thinned(curve, 400)
    kept = dict(zip(found.steps, found.values, strict=True))
    assert len(kept) < 700 and found.rows == 100_000
    assert (kept[31_234], kept[77_777], kept[50_000]) == (900.0, -900.0, None)
    assert kept.keys() >= {0, 99_999}
    assert all(values[step] == value for step, value in kept.items())


def test_a_page_of_a_hundred_thousand_rows_is_below_two_megabytes(tmp_path: Path) -> None:
    page = page_of([read_run(written(tmp_path / "a", 100_000))], "x" * 900_000)
    assert len(page.encode()) < 2_000_000


def test_the_smoothed_curve_has_no_bias_at_its_start() -> None:
    found = smoothed(Curve([1, 2, 3], [4.0, None, 4.0]), 5.0)
    assert found.values == pytest.approx([4.0, 4.0, 4.0])


def test_what_recipes_and_examples_say_is_escaped(tmp_path: Path) -> None:
    root = written(tmp_path / "a", 9, description=EVIL)
    parts = [{"head": EVIL, "spans": [{"text": EVIL, "mark": "wrong"}]}]
    examples = {"set": EVIL, "examples": [{"row": 3, "parts": parts}]}
    (root / "examples.json").write_text(json.dumps(examples))
    assert "alert(1)</script>" not in page_of([read_run(root)], "")
    assert "<img src=x" not in page_of([read_run(root)], "")


def test_the_time_is_told_by_what_it_went_to(tmp_path: Path) -> None:
    run = read_run(written(tmp_path / "a", 40))
    found = facts.time_of(run)
    assert (found["computing steps"], found["waiting for data"]) == (15.0, 5.0)
    assert (found["saving"], found["evaluation"]) == (3.0, 4.0)
    assert facts.wall(run) == (20 - 8) + (100 - 48)


def test_steps_that_a_resume_made_again_count_from_where_it_went_back_to(tmp_path: Path) -> None:
    root = written(tmp_path / "a", 9)
    lost = [{"step": step, "loss": 1.0, "step_seconds": 2.0} for step in (7, 9)]
    (root / "metrics-superseded.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lost))
    assert facts.time_of(read_run(root))["steps that a resume made again"] == (9 - 5) * 2.0


def test_runs_are_compared_by_the_keys_that_differ(tmp_path: Path) -> None:
    roots = [written(tmp_path / n, 9, optimizer={"lr": lr}) for n, lr in (("a", 1), ("b", 2))]
    runs = read_runs(roots)
    assert recipes.differing(runs) == [["optimizer.lr", "1", "2"]]
    assert [one["name"] for one in data_in(page_of(runs, ""))["runs"]] == ["a", "b"]


def test_a_folder_that_is_no_run_is_refused_with_all_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_runs([tmp_path, tmp_path / "none"])
    assert len(caught.value.faults) == 2


def test_a_run_that_said_nothing_for_long_is_called_killed(tmp_path: Path) -> None:
    root = written(tmp_path / "a", 9)
    (root / "status.json").write_text(json.dumps({"state": "running", "step": 4, "at": 1.0}))
    assert facts.state_of(read_run(root)).startswith("killed at step 9")  # its last row
