"""How the runs of a sweep stand, as their folders tell; no torch."""

import json
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import ResumeError
from zoo.recipe import Recipe, expanded
from zoo.recipe.compose.catalog import RECIPE
from zoo.recipe.compose.json_text import read_object
from zoo.recipe.derived.resume import changes
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.sweeping.plan import Member
from zoo.training.disk.lease import refuse_if_held
from zoo.training.logs.metrics import METRICS

NOT_FINITE = 3
LENGTH = ("run.steps", "run.epochs")
"""What makes a run that is done go on."""


@dataclass(frozen=True)
class Standing:
    """A run's state (`waiting`: not begun, or as status.json has it; `not finite`), its last step,
    its error, and the scores that count: of the best evaluation where that is exported, else of
    the last.
    """

    state: str = "waiting"
    step: int = 0
    error: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    longer: bool = False
    """It is done, but is to be longer now."""

    @property
    def over(self) -> bool:
        """Whether starting it again would tell nothing new."""
        return self.state == "not finite" or (self.state == "done" and not self.longer)


def standing(member: Member, recipe: Recipe) -> Standing:
    """What a run's folder says; one that nobody holds any more is no longer running."""
    status = _object(member.folder / "status.json")
    state = str(status.get("state", "waiting"))
    if state in ("starting", "running") and not held(member):
        state = "stopped"
    if state == "failed" and status.get("exit_code") == NOT_FINITE:
        state = "not finite"
    step, error = int(status.get("step", 0)), str(status.get("error", ""))
    return Standing(state, step, error, _scores(member, recipe), _longer(member, recipe))


def held(member: Member) -> bool:
    """Whether a living process has the run's folder."""
    try:
        refuse_if_held(member.folder)
    except ResumeError:
        return True
    return False


def headline(recipe: Recipe, scores: dict[str, Any]) -> str:
    """The score that tells the best: `run.best_metric`, or the first set's headline; empty if it
    is not there.
    """
    ending = f"/{kind_of(recipe.task).headline}"
    return recipe.run.best_metric or next((key for key in scores if key.endswith(ending)), "")


def _longer(member: Member, recipe: Recipe) -> bool:
    path = member.folder / RECIPE
    if not path.exists():
        return False
    found = changes(read_object(path), expanded(recipe))
    return any(one.key in LENGTH for one in found.reported)


def _scores(member: Member, recipe: Recipe) -> dict[str, float]:
    rows = []
    path = member.folder / METRICS
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue  # a line that was torn
        scores = {key: one for key, one in row.items() if key.startswith("valid/")}
        if scores:
            rows.append({key: one for key, one in scores.items() if isinstance(one, int | float)})
    if not rows:
        return {}
    key = headline(recipe, rows[-1])
    with_it = [row for row in rows if key in row]
    if recipe.run.export == "best" and with_it:
        sign = 1 if kind_of(recipe.task).larger_is_better(key) else -1
        return max(with_it, key=lambda row: sign * row[key])
    return rows[-1]


def _object(path: Any) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
