"""The process that follows metrics.jsonl for one tracker: `python -m zoo.training.logs.follow`.

The run only starts it and tells it the end, so nothing that a tracker does (raise, hang, crash,
take signals) reaches the run; a tracker that comes back finds every row on the disk.
"""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.training.disk.writing import write_text
from zoo.training.logs.metrics import METRICS, numbers, row_of
from zoo.training.logs.trackers import FOLDER, TRACKERS, Tracked

POLL = 0.5
LONGEST = 600
"""Seconds that a tracker may take for one thing; then the system ends its process."""
LAST = 120
"""Seconds that it may take for its end, where nobody waits for it any more."""
SHOWN = 300


class Sent:
    """How far a tracker has been told, beside its id, in a file of the run's folder."""

    def __init__(self, path: Path) -> None:
        self.path, self.id = path, ""
        self.kept: dict[str, Any] = {}
        self.at = time.monotonic()
        self.steps = {False: -1, True: -1}  # of training rows, of scores
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.id, self.steps = kept["id"], {False: kept["step"], True: kept["scored"]}

    def write(self) -> None:
        """Keeps it for the next start, and for the run to look at; nothing where all is kept."""
        kept = {"id": self.id, "step": self.steps[False], "scored": self.steps[True]}
        if kept != self.kept:
            write_text(self.path, json.dumps(kept))
        self.kept, self.at = kept, time.monotonic()

    def write_at_times(self) -> None:
        """The same, at most twice a second: a tracker that is new may have many rows to hear."""
        if time.monotonic() - self.at > POLL:
            self.write()

    def go_back(self, step: int, scored: int, again: str) -> None:
        """Lets those rows be told anew of which the tracker drops what it has."""
        if again == "drops":
            self.steps = dict.fromkeys(self.steps, min(step, scored, *self.steps.values()))
        elif again == "anew":
            self.steps = dict.fromkeys(self.steps, -1)


class Rows:
    """The rows of a file that another process writes."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0

    def new(self) -> Iterator[str]:
        """Whole lines since the last call."""
        with self.path.open("rb") as file:
            file.seek(self.at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.at += len(line)
                yield line.decode("utf-8")


def follow(root: Path, name: str, step: int, scored: int) -> None:
    """Tells a tracker every row that it has not had, until the run says its end or is gone.

    `step` and `scored` are the last ones that a resumed run keeps.
    """
    entry, parent = TRACKERS[name], os.getppid()
    signal.alarm(LONGEST)
    sent, rows = Sent(root / FOLDER / f"{name}.json"), Rows(root / METRICS)
    sent.go_back(step, scored, entry.again)
    tracker = entry.opened(told_of(root, sent))
    sent.id = tracker.id
    sent.write()
    ended: dict[str, Any] | None = None
    scores: dict[str, float] = {}
    while ended is None:
        signal.alarm(LONGEST)
        ended = the_end(parent)  # before the last look at the file
        for line in rows.new():
            signal.alarm(LONGEST)
            at, is_scores = row_of(line)
            values = numbers(json.loads(line))
            scores = values if is_scores else scores
            if at > sent.steps[is_scores]:
                tracker.log(int(at), values)
                sent.steps[is_scores] = int(at)
                sent.write_at_times()
        sent.write()
    signal.alarm(LAST)
    known = numbers(ended.get("summary", {}))
    tracker.finish(ended.get("state", "crashed"), scores | known)


def told_of(root: Path, sent: Sent) -> Tracked:
    """What a tracker needs to know of the run."""
    recipe = json.loads((root / "recipe.json").read_text(encoding="utf-8"))
    recipe.pop("$schema", None)
    made = json.loads((root / "origin.json").read_text(encoding="utf-8"))
    kept = {key: made.get(key) for key in ("recipe", "twin", "words")}
    tags = [recipe["task"]["kind"], *(["twin"] if made.get("twin") else [])]
    tags += recipe["run"].get("tags", [])
    return Tracked(root, sent.id, sent.steps[False], recipe | {"made": kept}, tuple(tags))


def the_end(parent: int) -> dict[str, Any] | None:
    """What the run says at its end; empty where it is gone without a word, None while it lives."""
    if select.select([0], [], [], POLL)[0]:
        told = sys.stdin.read()
        return json.loads(told) if told else {}
    return {} if os.getppid() != parent else None


def main() -> None:
    """Follows; the last line of what it prints is why it failed."""
    for one in (signal.SIGINT, signal.SIGTERM):  # they are the run's, which tells its end
        signal.signal(one, signal.SIG_IGN)
    root, name, step, scored = sys.argv[1:]
    try:
        follow(Path(root), name, int(step), int(scored))
    except BaseException as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())[:SHOWN]}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)  # without what the tracker's package would do at an orderly end


if __name__ == "__main__":
    main()
