"""A run's folder as a report reads it: whatever is there, of a run that lives, ended or died."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.recipe.compose.catalog import ORIGIN, RECIPE, is_run
from zoo.recipe.compose.nearby import run_meant
from zoo.training.disk.status import STATUS
from zoo.training.logs.metrics import EVENTS, METRICS, SUPERSEDED

EXAMPLES = "examples.json"
"""What the exported model answered to rows of the validation set."""


@dataclass
class Curve:
    """The values of one key of metrics.jsonl by step; None for what was not finite."""

    steps: list[int] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)


@dataclass
class Run:
    """All that a run's folder tells; what it lacks is empty."""

    root: Path
    recipe: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    given_up: dict[str, Curve] = field(default_factory=dict)
    """The rows that resumes made again."""
    events: list[dict[str, Any]] = field(default_factory=list)
    examples: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    """What tells it from the others of a report."""

    @property
    def made_from(self) -> str:
        """The recipe's name, with what is said of a twin."""
        name = self.origin.get("recipe") or self.root.name
        return f"{name}-tiny" if self.origin.get("twin") else str(name)

    def happened(self, *names: str) -> list[dict[str, Any]]:
        """The events of some names, in their order."""
        return [one for one in self.events if one.get("event") in names]


def read_runs(folders: list[Path]) -> list[Run]:
    """The runs of some folders, each under a name of its own; raises ConfigError for what is none,
    all at once.
    """
    faults = [
        Fault("command line", "RUN", _instead(one), "the folder of a run", run_meant(one))
        for one in folders
        if not (one.is_dir() and is_run(one))
    ]
    if faults:
        raise ConfigError(faults)
    runs = [read_run(folder) for folder in dict.fromkeys(one.resolve() for one in folders)]
    for run, name in zip(runs, _names([run.root for run in runs]), strict=True):
        run.name = name
    return runs


def _instead(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}, which is not there"
    return f"{folder}, which is no run's folder"


def _names(roots: list[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart."""
    for length in range(1, max(len(root.parts) for root in roots) + 1):
        names = ["/".join(root.parts[-length:]) for root in roots]
        if len({*names}) == len(names):
            return names
    return [str(root) for root in roots]


def read_run(root: Path) -> Run:
    """What a folder tells; a torn last line, as a killed run leaves it, is left out."""
    return Run(
        root,
        _object(root / RECIPE),
        _object(root / ORIGIN),
        _object(root / STATUS),
        curves_of(_lines(root / METRICS)),
        curves_of(_lines(root / SUPERSEDED)),
        [one for one in _lines(root / EVENTS) if isinstance(one.get("step"), int)],
        _object(root / EXAMPLES),
        root.name,
    )


def curves_of(rows: Iterator[dict[str, Any]]) -> dict[str, Curve]:
    """The numbers of rows by key, in their order."""
    found: dict[str, Curve] = {}
    for row in rows:
        step = row.get("step")
        if not isinstance(step, int):
            continue
        for key, value in row.items():
            if key != "step" and (value is None or isinstance(value, int | float)):
                curve = found.setdefault(key, Curve())
                curve.steps.append(step)
                curve.values.append(value)
    return found


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row
