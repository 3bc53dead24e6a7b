"""The data of a run, as a report says it: where it is from, how much of it, which classes."""

import shlex
from typing import Any

from zoo.reporting.charts import PARTS, charted
from zoo.reporting.facts import number
from zoo.reporting.reading import Curve, Run
from zoo.telling.page import Table
from zoo.training.disk.unread import NOTED

CLASSES = 40
"""How many classes are named."""
CORRUPT = "corrupt"
_READ = {"examples": "examples learned from", "epoch": "epochs"}


def sets_of(run: Run) -> Table:
    """A row a set: how many examples the run learned from or was scored on."""
    starts = run.happened("start")
    if not starts:
        return ["set", "examples"], []
    sets = {"train": starts[-1].get("train", 0), **starts[-1].get("valid", {})}
    return ["set", "examples"], [[name, f"{count:,}"] for name, count in sets.items()]


def facts_of(run: Run) -> Table:
    """A row a fact: the source, classes, epochs, what was left out, lost or padded."""
    rows = [["read from", "; ".join(map(_source, _sections(run.recipe.get("data", {}))))]]
    labels = run.origin.get("labels") or []
    if labels:
        more = f" and {len(labels) - CLASSES:,} more" if len(labels) > CLASSES else ""
        rows.append([f"{len(labels):,} classes", ", ".join(map(str, labels[:CLASSES])) + more])
    starts = run.happened("start")
    if starts:
        rows.append(["steps an epoch", f"{starts[-1].get('steps_per_epoch', 0):,}"])
        left_out = starts[-1].get("left_out", {})
        rows += [[f"train rows left out: {why}", f"{count:,}"] for why, count in left_out.items()]
    for key, curve in run.curves.items():
        if key in _READ:
            rows.append([_READ[key], number(curve.values[-1])])
        elif key.startswith(PARTS):
            rows.append([f"examples of {key.removeprefix(PARTS)}", number(curve.values[-1])])
        elif key == CORRUPT and curve.values[-1]:
            rows.append(["examples taken in place of corrupt rows", number(curve.values[-1])])
        elif not charted(key) and curve.values[-1]:
            rows.append([f"lost targets: {key.replace('_', ' ')}", number(curve.values[-1])])
    shares = [one for one in run.curves.get("padding", Curve()).values if one is not None]
    if shares:
        rows.append(["padding, on average", f"{sum(shares) / len(shares):.1%} of the positions"])
    return ["", ""], [row for row in rows if row[1]]


def corrupt_rows(run: Run) -> Table:
    """A row each corrupt one that was met: its set, and where it lies and why it is none."""
    found = [[str(one.get("set", "")), str(one.get("why", ""))] for one in run.happened("corrupt")]
    return ["set", "where and why"], found


def many_corrupt(run: Run) -> str:
    """How many they are; of very many a run names the first."""
    count = len(run.happened("corrupt"))
    return f"the first {count:,}" if count >= NOTED else f"{count:,}"


def made_here(run: Run) -> bool:
    """Whether all data are the package's own."""
    sections = _sections(run.recipe.get("data", {}))
    return all(one.get("source") == "built-in" for one in sections)


def more_about(run: Run) -> str:
    """The command that tells more of the run's data: lengths, classes, copies between sets."""
    return f"zoo data {shlex.quote(str(run.root / 'recipe.json'))} --out data.html"


def _sections(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The sections that name a source: of a mixture those of its parts."""
    parts = data.get("parts")
    if not isinstance(parts, dict):
        return [data]
    return [one["data"] for one in parts.values() if isinstance(one.get("data"), dict)]


def _source(data: dict[str, Any]) -> str:
    """A section's source, and what it names there."""
    named = [data.get(key) for key in ("name", "subset", "folder", "train")]
    places = ", ".join(_listed(one) for one in named if one)
    return f"{data.get('source', '')}: {places}" if places else str(data.get("source", ""))


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
