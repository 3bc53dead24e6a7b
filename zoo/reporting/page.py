"""The report: one HTML file that needs no network, no server and no other file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from zoo.reporting import comparing, facts, recipes, sets, standing
from zoo.reporting.charts import (
    LOSS,
    SMOOTHED,
    Chart,
    charts_of,
    marks_of,
    of_class,
    points_of,
    said_of,
    table_of,
)
from zoo.reporting.plotting import PACKAGE, library
from zoo.reporting.reading import Run
from zoo.reporting.thinning import Thinned, half_life_of
from zoo.training.disk.writing import write_text

REPORT = "report.html"
"""Where a run's own lies in its folder."""
COMPARED = "compared.html"
"""Where one of several lies, in the working directory."""
ROOMS = (facts, standing, comparing, recipes, sets, facts.number, facts.span)
"""What the template asks, by name."""
LOGARITHMIC = (LOSS, "lr", "grad_norm")
MOST_EXAMPLES = 600_000
"""Characters of examples on one page, which is to stay below 2 MB."""
MARKS = {
    "best": "best checkpoint",
    "resume": "resume",
    "checkpoint": "checkpoint",
    "skipped": "skipped step",
    "stop": "stop",
}

SIGNS = {"right": "\u2713", "wrong": "\u2717", "missed": "\u25cb"}
"""What stands before a stretch of an answer, so that it is told without colours."""
ANSWERS = {
    "right": "right",
    "wrong": "wrong",
    "missed": "right, and not answered",
    "extra": "a word too much",
    "absent": "a word that is missing",
    "written": "written by the model",
}
"""What the marks in answers mean."""


def write_report(runs: list[Run], path: Path, renew: int = 0) -> None:
    """Writes the page of one run, or of several side by side; raises OSError.

    `renew`: in how many seconds the page loads itself again, 0: never.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page_of(runs, library(), renew))


def page_of(runs: list[Run], script: str, renew: int = 0) -> str:
    """The page's text; without the plotting library's `script` the tables of values stand alone."""
    environment = Environment(
        loader=PackageLoader("zoo.reporting", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {one.__name__.rpartition(".")[2]: one for one in ROOMS}
    environment.filters["of_class"] = lambda key: of_class(runs, key)
    charts = charts_of(runs)
    with_examples, elsewhere = that_fit(runs)
    content = data_of(runs, charts, points_of(runs, charts), renew)
    template = environment.get_template("report.html")
    return template.render(
        runs=runs,
        title=" and ".join(run.name for run in runs) if len(runs) < 4 else f"{len(runs)} runs",
        charts=[(chart, said_of(chart, runs), table_of(chart, runs)) for chart in charts],
        logarithmic=LOGARITHMIC,
        scores=dict.fromkeys(
            key for run in runs for key in facts.scores_of(run) if not of_class(runs, key)
        ),
        winners=comparing.winners(runs),
        of_class=lambda key: of_class(runs, key),
        content=content,
        script=script,
        package=PACKAGE,
        marks=MARKS
        if len(runs) == 1
        else {**MARKS, "best": "best checkpoint of each run, in its colour"},
        signs=SIGNS,
        there={mark["what"] for run in content["runs"] for mark in run["marks"]},
        half_life=half_life_of(max(rows_of(runs), default=0)),
        with_examples=with_examples,
        elsewhere=elsewhere,
        answers=answers_in(with_examples),
        described=described(runs[0]) if len(runs) == 1 else "",
        renew=renew,
        dumps=lambda value: json.dumps(value, indent=1, ensure_ascii=False),
    )


def that_fit(runs: list[Run]) -> tuple[list[Run], list[str]]:
    """The first runs whose examples fit a page together, and the names of those left out."""
    left = MOST_EXAMPLES
    shown: list[Run] = []
    elsewhere: list[str] = []
    for run in runs:
        if not run.examples.get("examples"):
            continue
        left -= len(json.dumps(run.examples))
        if left >= 0 or not shown:
            shown.append(run)
        else:
            elsewhere.append(run.name)
    return shown, elsewhere


def answers_in(runs: list[Run]) -> dict[str, str]:
    """What the marks mean that stand in the examples of some runs."""
    there = {
        span.get("mark")
        for run in runs
        for example in run.examples["examples"]
        for part in example["parts"]
        for span in part.get("spans", ())
    }
    return {mark: words for mark, words in ANSWERS.items() if mark in there}


def rows_of(runs: list[Run]) -> list[int]:
    """How many rows of the loss each run has."""
    return [len(run.curves[LOSS].steps) for run in runs if LOSS in run.curves]


def described(run: Run) -> str:
    """What the recipe says of itself, but of a twin or a changed run, which is another model."""
    if run.origin.get("twin") or run.origin.get("words"):
        return ""
    return str(run.recipe.get("description") or "")


def data_of(
    runs: list[Run], charts: list[Chart], points: list[dict[str, Thinned]], renew: int
) -> dict[str, Any]:
    """What stands in the page for machines, and is drawn: points and events of each run."""
    return {
        "charts": [{**vars(one), "said": said_of(one, runs)} for one in charts],
        "runs": [
            {"name": run.name, "marks": marks_of(run, best_step(run)), "curves": contents(own)}
            for run, own in zip(runs, points, strict=True)
        ],
        "smoothed": SMOOTHED,
        "renew": renew,
    }


def contents(own: Mapping[str, Thinned]) -> dict[str, Any]:
    """Thinned curves for the block of data."""
    return {key: one.content() for key, one in own.items()}


def best_step(run: Run) -> int | None:
    """The step of the best headline; None where nothing was scored."""
    headline = facts.headline(run)
    return facts.scores_of(run)[headline].step if headline else None
