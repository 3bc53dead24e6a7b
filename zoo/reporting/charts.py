"""Which curves stand in which chart, and their data for the page: a machine reads them there."""

import math
from dataclasses import dataclass
from typing import Any

from zoo.recipe.vocabulary.scores import Score
from zoo.reporting.facts import SCORES, headline, kind_in
from zoo.reporting.reading import Curve, Run
from zoo.reporting.thinning import (
    Thinned,
    half_life_of,
    most_points,
    smoothed,
    spread_rows,
    thinned,
)

SMOOTHED = " (smoothed)"
"""What is added to the name of a curve that is the smoothed one of another."""
LOSS = "loss"
MOST_CLASSES = 8
"""Curves of classes in a chart, of all runs together."""
PARTS = "examples/"
"""How the keys of counts begin that parts of a mixture have."""
TABLE = 20
"""Rows of a chart's table."""
QUIET = ("examples", "seconds", "epoch", "corrupt", "skipped")
"""What only counts up, and has no chart unless there is something to see."""

KNOWN = (
    ("Learning rate", "lr", ("lr",)),
    ("Gradient norm", "norm before clipping", ("grad_norm",)),
    ("Examples a second", "examples/s", ("examples_per_second",)),
    ("Targets a second", "targets/s", ("targets_per_second",)),
    ("Time of a step", "seconds", ("step_seconds", "data_seconds")),
    ("Memory", "GiB", ("memory_gib",)),
    ("Padding", "share of what the model gets", ("padding",)),
    ("Skipped steps, and rows in the place of corrupt ones", "count", ("skipped", "corrupt")),
    ("Bytes sent a step", "bytes", ("sent_bytes",)),
    ("Compression", "times fewer bytes than fp32", ("compression",)),
    ("Variances of the 1-bit optimizer", "elements", ("frozen_lifted", "frozen_masked")),
)
"""Charts beside loss and scores: title, unit, and keys of metrics.jsonl."""


@dataclass(frozen=True)
class Chart:
    """Curves that share an axis."""

    id: str
    title: str
    unit: str
    keys: tuple[str, ...]


def charts_of(runs: list[Run]) -> list[Chart]:
    """The charts of what the runs have curves of: loss, scores with the headline first, those of
    classes together, the rest by KNOWN, and what a mixture and a task count.
    """
    there = dict.fromkeys(
        key for run in runs for key, curve in run.curves.items() if {*curve.values} != {None}
    )
    losses = [key for key in there if key == LOSS or _ends(key, LOSS)]
    losses.sort(key=lambda key: key != LOSS)
    charts = [("Loss", _unit(runs, LOSS), tuple(losses))] if losses else []
    charts += _of_scores(runs, [key for key in there if key.startswith(SCORES)])
    for title, unit, keys in KNOWN:
        own = tuple(key for key in keys if key in there and _speaks(runs, key))
        charts += [(title, unit, own)] if own else []
    others = [key for key in there if not charted(key) and _speaks(runs, key)]
    parts = tuple(key for key in others if key.startswith(PARTS))
    lost = tuple(key for key in others if key not in parts)
    charts += [("Examples of each part", "examples so far", parts)] if parts else []
    charts += [("Examples that lost targets", "examples so far", lost)] if lost else []
    return [Chart(f"chart-{n}", *one) for n, one in enumerate(charts)]


def charted(key: str) -> bool:
    """Whether a key has its place among the charts, or in none; others are a task's own counts."""
    return key.startswith(SCORES) or key in (LOSS, *QUIET, *(one for _, _, k in KNOWN for one in k))


def _of_scores(runs: list[Run], keys: list[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    """A chart of each score over the sets, and one of each score that classes have."""
    first = _name(headline(runs[0]))
    by_name: dict[str, list[str]] = {}
    by_class: dict[str, list[str]] = {}
    known = _scores(runs)
    together = {name: score.chart for name, score in known.items() if score.chart}
    for key in keys:
        group, name = of_class(runs, key), _name(key)
        alone = by_name.setdefault(together.get(name, name), [])
        (by_class.setdefault(group, []) if group else alone).append(key)
    by_name = {name: own for name, own in by_name.items() if own and name != LOSS}
    charts = []
    for name in sorted(by_name, key=lambda one: one != first):
        own = by_name[name]
        title = name if name in together.values() else " and ".join(map(short, own))
        charts.append((f"Score: {title}", _unit(runs, _name(own[0])), tuple(own)))
    for group, own in by_class.items():
        worst = sorted(own, key=lambda key: _last(runs, key))[: MOST_CLASSES // len(runs) or 1]
        few = f", the {len(worst)} lowest of {len(own)}" if len(worst) < len(own) else ""
        shown = tuple(key for key in own if key in worst)
        charts.append((f"Score of classes: {short(group)}{few}", _name(group), shown))
    return charts


def of_class(runs: list[Run], key: str) -> str:
    """The score that a class has under this key, as `valid/iou` in `valid/iou/cat`; empty for a
    score that the kinds of the runs know, and for a set's.
    """
    known = _scores(runs)
    above, _, name = key.rpartition("/")
    told = not known or name in known
    return "" if told or above == SCORES.rstrip("/") else above


def _scores(runs: list[Run]) -> dict[str, Score]:
    """The scores that the kinds of the runs know."""
    kinds = [kind for run in runs if (kind := kind_in(run))]
    return {name: score for kind in kinds for name, score in kind.scores.items()}


def _unit(runs: list[Run], name: str) -> str:
    """What the axis of a score is called; of runs whose scores of that name are not alike by it."""
    kinds = [kind for run in runs if (kind := kind_in(run)) and name in kind.scores]
    units = {kind.scores[name].unit for kind in kinds}
    return (units.pop() if len(units) == 1 else "") or name


def _last(runs: list[Run], key: str) -> float:
    """The least last value of a key over the runs; of one that is not finite nothing."""
    values = [run.curves[key].values[-1] for run in runs if key in run.curves]
    return min((one for one in values if one is not None), default=-math.inf)


def short(key: str) -> str:
    """A score's key without how all begin."""
    return key.removeprefix(SCORES)


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _ends(key: str, name: str) -> bool:
    return key.startswith(SCORES) and _name(key) == name


def _speaks(runs: list[Run], key: str) -> bool:
    """Whether a curve is more than naughts."""
    return any(any(run.curves[key].values) for run in runs if key in run.curves)


def points_of(runs: list[Run], charts: list[Chart]) -> list[dict[str, Thinned]]:
    """Each run's curves that are drawn, thinned so that together they fit a page."""
    wanted = [key for chart in charts for key in chart.keys]
    count = sum(key in run.curves for run in runs for key in wanted)
    most = most_points(count + len(runs))
    found = []
    for run in runs:
        own = {key: thinned(run.curves[key], most) for key in wanted if key in run.curves}
        if LOSS in own:
            half_life = half_life_of(len(run.curves[LOSS].steps))
            own[LOSS + SMOOTHED] = thinned(rounded(smoothed(run.curves[LOSS], half_life)), most)
        found.append(own)
    return found


def rounded(curve: Curve) -> Curve:
    """Values of six digits: those of a mean that was made for the eye."""
    values = [None if one is None else float(f"{one:.6g}") for one in curve.values]
    return Curve(curve.steps, values)


def marks_of(run: Run, best: int | None) -> list[dict[str, Any]]:
    """What is marked on the curves: resumes, checkpoints, skipped steps, stops, the best."""
    marks: list[dict[str, Any]] = []
    for one in run.happened("start", "checkpoint", "end"):
        if one["event"] == "start" and one["step"]:
            marks.append({"what": "resume", "step": one["step"]})
        elif one["event"] == "checkpoint":
            marks.append({"what": "checkpoint", "step": one["step"]})
        elif one["event"] == "end" and one.get("exit_code"):
            marks.append({"what": "stop", "step": one["step"]})
    skipped = run.curves.get("skipped", Curve())
    steps = [s for s, value in zip(skipped.steps, skipped.values, strict=True) if value]
    marks += [{"what": "skipped", "step": step} for step in spread_rows(steps, 200)]
    return marks + ([] if best is None else [{"what": "best", "step": best}])


def table_of(chart: Chart, runs: list[Run]) -> tuple[list[str], list[list[str]]]:
    """A chart's values as a table: evenly spread rows, a column a curve."""
    columns = [(run, key) for run in runs for key in chart.keys if key in run.curves]
    steps = sorted({step for run, key in columns for step in run.curves[key].steps})
    fewest = [s for run, key in columns if key.startswith(SCORES) for s in run.curves[key].steps]
    shown = sorted({*spread_rows(steps, TABLE), *spread_rows(sorted({*fewest}), TABLE)})
    by_step = [
        dict(zip(run.curves[key].steps, run.curves[key].values, strict=True))
        for run, key in columns
    ]
    heads = ["step", *(f"{run.name}: {key}" if len(runs) > 1 else key for run, key in columns)]
    rows = [[f"{step:,}", *(_cell(one, step) for one in by_step)] for step in shown]
    return heads, rows


def _cell(values: dict[int, float | None], step: int) -> str:
    if step not in values:
        return ""
    value = values[step]
    return "not finite" if value is None else f"{value:.6g}"


def said_of(chart: Chart, runs: list[Run]) -> str:
    """A chart in a sentence, for those who do not see it."""
    parts = []
    for run in runs:
        for key in chart.keys:
            known = [v for v in run.curves.get(key, Curve()).values if v is not None]
            if known:
                name = f"{run.name}: {key}" if len(runs) > 1 else key
                first, last, low, high = known[0], known[-1], min(known), max(known)
                parts.append(
                    f"{name} goes from {first:.4g} to {last:.4g}, between {low:.4g} and {high:.4g}"
                )
    return f"{chart.title} by step: " + ("; ".join(parts) or "nothing finite")
