"""What rank 0 holds of the trackers: a process each, which may fail without the run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import zoo
from zoo.errors import Fault
from zoo.recipe import Recipe, origin
from zoo.training.logs.trackers import FOLDER, TRACKERS

WAIT = 60.0
"""Seconds that a run waits at its end for all trackers together."""
SILENT = 300.0
"""Seconds after which it is said that a tracker does not answer."""


def trackers_of(recipe: Recipe) -> tuple[str, ...]:
    """Whom the run reports to; TensorBoard where it is installed and nobody is named."""
    named = recipe.run.report_to
    if named is None:
        return ("tensorboard",) if installed("tensorboard") else ()
    return tuple(dict.fromkeys(named))


def installed(package: str) -> bool:
    """Whether a package is there: a folder of its name, as wandb leaves in the working directory,
    is none.
    """
    found = find_spec(package)
    return found is not None and found.origin is not None


def tracker_faults(recipe: Recipe, environment: Mapping[str, str]) -> list[Fault]:
    """Trackers that are named and not installed where rank 0 runs, which alone reports."""
    if environment.get("RANK", "0") != "0":
        return []
    key = "run.report_to"
    there = [name for name, one in TRACKERS.items() if not one.package or installed(one.package)]
    return [
        Fault(
            origin(recipe, key),
            key,
            f"{name}, which is not installed",
            f"{', '.join(there)}; or: pip install 'zoo[{TRACKERS[name].package}]'",
        )
        for name in trackers_of(recipe)
        if name not in there
    ]


class Follower:
    """One tracker's process."""

    def __init__(self, name: str, root: Path, step: int, scored: int) -> None:
        self.name, self.kept = name, root / FOLDER / f"{name}.json"
        self.words, self.given_up, self.waited_for = self.kept.with_suffix(".log"), False, False
        self.due: tuple[float, int] | None = None
        self.had = self.told()
        path = os.pathsep.join(
            filter(None, [str(Path(zoo.__file__).parents[1]), os.environ.get("PYTHONPATH")])
        )
        self.kept.parent.mkdir(exist_ok=True)
        with self.words.open("ab") as words:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "zoo.training.logs.follow",
                    root,
                    name,
                    f"{step}",
                    f"{scored}",
                ],
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=words,
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # a terminal's Ctrl-C is not for it
            )

    def trouble(self, step: int) -> str:
        """What there is to say of it once a row of this step is written; mostly nothing."""
        if self.given_up:
            return ""
        if self.process.poll() is not None:
            return self.failed(step)
        at, asked = self.due or (time.monotonic(), step)
        if self.due is None or self.told() >= asked:
            self.due = (time.monotonic(), step)
        elif time.monotonic() - at > SILENT and not self.waited_for:
            self.waited_for = True
            return f"{self.name} has not taken step {asked} for {SILENT:.0f} s; the run goes on"
        return ""

    def told(self) -> int:
        """The last step that it has taken."""
        with suppress(OSError, ValueError):
            return int(json.loads(self.kept.read_text(encoding="utf-8"))["step"])
        return -1

    def failed(self, step: int) -> str:
        """Why its process ended before the run."""
        self.given_up = True
        code = self.process.returncode
        lines = self.words.read_text(encoding="utf-8", errors="replace").split("\n")
        why = next((line for line in reversed(lines) if line.strip()), "") if code > 0 else ""
        why = why or f"its process ended with {code}"
        return f"{self.name} is given up at step {step}, and the run goes on: {why}"

    def tell(self, ended: Mapping[str, Any]) -> None:
        """Tells it the end of the run."""
        assert self.process.stdin is not None
        with suppress(OSError):  # it is gone
            self.process.stdin.write(json.dumps(ended).encode())
        with suppress(OSError):
            self.process.stdin.close()

    def end(self, until: float, step: int) -> str:
        """Waits for it until then, and ends it; what there is to say of that."""
        try:
            code = self.process.wait(max(0.0, until - time.monotonic()))
            return self.failed(step) if code and not self.given_up else ""
        except subprocess.TimeoutExpired:
            self.stop()
            return f"{self.name} did not end in {WAIT:.0f} s; metrics.jsonl has what it lacks"

    def stop(self) -> None:
        """Ends it at once."""
        self.given_up = True
        self.process.kill()
        self.process.wait()


class Followers:
    """All trackers of a run, on rank 0; `say` takes a line for people."""

    def __init__(self, root: Path, names: tuple[str, ...], step: int, scored: int,
                 say: Callable[[str], None]) -> None:  # fmt: skip
        self.say, self.step, self.every = say, step, list[Follower]()
        for name in names:
            try:
                one = Follower(name, root, step, scored)
            except OSError as error:
                say(f"{name} is given up, and the run goes on: {error}")
                continue
            self.every.append(one)
            if TRACKERS[name].again == "keeps" and one.had > step:
                say(f"{name} keeps what it has of steps {step + 1} to {one.had}")

    def look(self, step: int) -> None:
        """Says what has become of them, after a row."""
        self.step = step
        for one in self.every:
            if said := one.trouble(step):
                self.say(said)

    def close(self, state: str, summary: Mapping[str, Any]) -> None:
        """Tells all of them the end, and waits a bounded time for them together."""
        for one in self.every:
            one.tell({"state": state, "summary": summary})
        until = time.monotonic() + WAIT
        for one in self.every:
            if said := one.end(until, self.step):
                self.say(said)
        self.every = []

    def stop(self) -> None:
        """Ends them at once: the folder is another run's, and its rows are not to be told."""
        for one in self.every:
            one.stop()
        self.every = []
