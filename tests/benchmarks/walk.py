"""A stranger's walk, timed: from a fresh clone to a first model, then to one of his own data.

`python -m tests.benchmarks.walk` clones the checkout's last commit, installs it as `make demo`
does, trains the demonstration, then a table of reviews, a folder of drawings and a manifest of
clips that a stranger might have, by the commands of the README alone. Prints one row a goal; fails
where a command does.
"""

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ZOO = ".venv/bin/zoo"
OWN = {
    "own csv": ("mine/reviews.csv", "valid/accuracy"),
    "own images": ("mine/photos", "valid/top_1"),
    "own audio": ("mine/clips.jsonl", "valid/wer"),
}
"""What a stranger brings, and the score that he looks for."""


@dataclass(frozen=True)
class Goal:
    """What was reached, by which commands, in how many seconds."""

    name: str
    commands: tuple[str, ...]
    seconds: float
    came_of_it: str

    def row(self) -> str:
        """Its row of the table."""
        said = "; ".join(f"`{command}`" for command in self.commands)
        return f"| {self.name} | {said} | {self.seconds:.0f} s | {self.came_of_it} |"


def walk(there: Path) -> list[Goal]:
    """All goals one after the other, the clone being made at `there`.

    Raises CalledProcessError where a command fails.
    """
    goals = [reached("clone", [f"git clone {ROOT} {there}"], there.parent)]
    goals.append(reached("installation", ["make .venv/.installed"], there))
    demo = reached("first model", ["make demo"], there)
    goals.append(scored(demo, there / "runs" / "demo", "valid/top_1"))
    reached("made up", [".venv/bin/python -m tests.own_data mine"], there)
    for name, (data, score) in OWN.items():
        recipe = name.removeprefix("own ")
        commands = [f"{ZOO} new {recipe}.json --data {data}", f"{ZOO} train {recipe}.json"]
        trained = reached(name, commands, there)
        goals.append(scored(trained, there / "runs" / recipe, score))
    return goals


def reached(name: str, commands: Sequence[str], folder: Path) -> Goal:
    """The goal that these commands reach; each is given no input and no other zoo's modules."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment = kept | {"ZOO_CACHE": str(folder / "cache")}
    started = time.monotonic()
    for command in commands:
        subprocess.run(
            shlex.split(command),
            cwd=folder,
            env=environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    return Goal(name, tuple(commands), time.monotonic() - started, "")


def scored(goal: Goal, run: Path, score: str) -> Goal:
    """The goal with the last score of its run."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    value = next(row[score] for row in reversed(rows) if score in row)
    return Goal(goal.name, goal.commands, goal.seconds, f"{score} {value:.3f}")


def main() -> None:
    """Walks in a folder that is taken away at the end, and prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        goals = walk(Path(folder) / "zoo")
        print("| goal | commands | time | came of it |\n| --- | --- | ---: | --- |")
        for goal in goals:
            print(goal.row().replace(f"{ROOT} {folder}/zoo", "URL zoo"))


if __name__ == "__main__":
    main()
