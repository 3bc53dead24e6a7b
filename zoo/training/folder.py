"""A run's folder: recipe.json, status.json, metrics, checkpoints, the exported model."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ResumeError
from zoo.recipe import Recipe, expanded, load_recipe
from zoo.recipe.derived.resume import changes
from zoo.recipe.derived.run_folder import run_folder
from zoo.training.checkpoint import write_json

RECIPE, STATUS, METRICS = "recipe.json", "status.json", "metrics.jsonl"
SUPERSEDED = "metrics-superseded.jsonl"


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run; only rank 0 writes."""

    root: Path

    @classmethod
    def of(cls, recipe: Recipe) -> "RunFolder":
        """`run.folder`, or `runs/<recipe>` in the working directory."""
        return cls(run_folder(recipe))

    def set_aside(self) -> Path | None:
        """Renames an existing folder to `.1`, `.2`, ... and returns its new name (`--fresh`)."""
        if not self.root.exists():
            return None
        number = 1
        while (aside := self.root.with_name(f"{self.root.name}.{number}")).exists():
            number += 1
        self.root.rename(aside)
        return aside

    def compare(self, recipe: Recipe) -> list[str]:
        """What a recipe changes in the folder's run: the reported keys, a line each.

        Raises ResumeError, naming both values of each, if a changed key alters the mathematics.
        """
        path = self.root / RECIPE
        if not path.exists():
            return []
        old = json.loads(path.read_text(encoding="utf-8"))
        found = changes(old, expanded(recipe))
        if found.refused:
            lines = [
                f"{one.key}: the run has {one.old!r}, the recipe {one.new!r}"
                for one in found.refused
            ]
            raise ResumeError(
                f"{self.root} cannot be resumed with this recipe (--fresh starts over beside it):\n"
                + "\n".join(lines)
            )
        return [f"{one.key}: {one.old!r} becomes {one.new!r}" for one in found.reported]

    def write_recipe(self, recipe: Recipe) -> None:
        """Writes the fully expanded recipe and reads it back to prove that it is the same."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(self.root / RECIPE, expanded(recipe))
        assert expanded(load_recipe(self.root / RECIPE)) == expanded(recipe)

    def write_status(self, state: str, exit_code: int | None, started: float, **more: Any) -> None:
        """What launchers and people ask: running, done, stopped or failed, and the exit code."""
        self.root.mkdir(parents=True, exist_ok=True)
        values = {"state": state, "exit_code": exit_code, "started": started, "pid": os.getpid()}
        write_json(self.root / STATUS, values | {"at": time.time()} | more)

    def cut_metrics(self, step: int) -> None:
        """Moves the rows beyond `step` (and a torn last line) to metrics-superseded.jsonl."""
        path = self.root / METRICS
        if not path.exists():
            return
        kept: list[str] = []
        gone: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            (kept if step_of(line) <= step else gone).append(line + "\n")
        if gone:
            with (self.root / SUPERSEDED).open("a", encoding="utf-8") as file:
                file.writelines(gone)
            beside = path.with_name(f".{METRICS}.part")
            beside.write_text("".join(kept), encoding="utf-8")
            beside.replace(path)


def step_of(line: str) -> float:
    """The step of a row of metrics; infinite for a line that was torn."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
