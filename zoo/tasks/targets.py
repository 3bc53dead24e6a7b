"""Whether the train rows have anything to learn: a sample of them, before anything is started."""

from dataclasses import dataclass, field

import numpy as np

from zoo.data.corrupt import placed
from zoo.data.rows import CorruptExample, Rows, Subset, spread
from zoo.data.tokens.bins import Bins
from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault
from zoo.tasks.task import Task

SAMPLED = 32
LEAST = 0.1
"""A recipe of whose sampled train rows less than this share has a target is refused."""


@dataclass
class Sampled:
    """What was found in some rows."""

    rows: int = 0
    with_targets: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    corrupt: list[str] = field(default_factory=list)


def checked_targets(recipe: Recipe, task: Task, train: Rows) -> tuple[list[Fault], list[str]]:
    """A fault where nearly no sampled train row has a target, and a line on what is lost.

    Only for tasks that count lost targets. Rows are read as evaluation reads them; no process group
    is needed, and every rank finds the same.
    """
    if not task.lost or not len(train):
        return [], []
    found = sampled(task, train, recipe.run.seed)
    if found.with_targets < LEAST * found.rows:
        return [_nothing_left(recipe, task, found)], []
    if not any(found.lost.values()):
        return [], []
    reasons = ", ".join(f"{count} {name}" for name, count in found.lost.items() if count)
    return [], [f"of {found.rows} sampled train rows some lose targets: {reasons}"]


def said_left_out(task: Task) -> list[str]:
    """A line a counter on the train rows that `task.rows` left out."""
    return [
        f"{count} train rows are left out: {name} ({task.lost[name].key})"
        for name, count in task.left_out.items()
        if count
    ]


def sampled(task: Task, train: Rows, seed: int) -> Sampled:
    """What some evenly spread rows become, one at a time."""
    rows = task.rows(Subset(train, spread(train, SAMPLED)))
    rows = rows.rows if isinstance(rows, Bins) else rows  # each by itself
    found = Sampled(len(rows), lost=dict.fromkeys(task.lost, 0))
    for index in range(len(rows)):
        rng = np.random.default_rng([seed, index])
        try:
            example = task.example(rows[index], rng, training=False) | {"weight": 1.0}
        except CorruptExample as error:
            found.corrupt.append(placed(rows, index, error))
            continue
        batch = task.collate([example], rng, training=False)
        found.with_targets += float(batch["count"]) > 0 and not batch["lost"].get("dropped")
        for name in task.lost:
            found.lost[name] += int(batch["lost"][name])
    return found


def _nothing_left(recipe: Recipe, task: Task, found: Sampled) -> Fault:
    """The fault of the reason that most rows have."""
    name = max(found.lost, key=lambda one: found.lost[one])
    share = f"{found.with_targets} of {found.rows} sampled train rows with a target"
    if len(found.corrupt) >= found.lost[name]:
        said = f"{share}: {len(found.corrupt)} cannot be read, as {found.corrupt[0]}"
        return fault(recipe, "data.train", said, "rows that can be read")
    key, allowed = task.lost[name]
    return fault(recipe, key, f"{share}: {found.lost[name]} {name}", allowed)
