"""What a run tells: rows of metrics.jsonl, which trackers follow, and a line for people."""

import json
import math
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import torch

from zoo.engines.engine import Step
from zoo.errors import printable
from zoo.training.disk.unread import Unread
from zoo.training.disk.writing import told_in_a_line
from zoo.training.folder import RunFolder
from zoo.training.logs.events import tell
from zoo.training.logs.followers import Followers
from zoo.training.logs.metrics import METRICS
from zoo.training.logs.screen import Screen, clock, on_terminal
from zoo.training.world import Here

MUCH = 0.2
"""The share of a step that is spent on waiting for data from which on it is said."""


class Log:
    """Writes rows on rank 0; other ranks hold one that writes nothing."""

    def __init__(
        self, folder: RunFolder, report_to: tuple[str, ...], step: int, first: bool, scored: int = 0
    ) -> None:
        self.folder, self.first = folder, first
        self.file: TextIO | None = None
        self.screen: Screen | None = None
        self.scores: Mapping[str, float] = {}
        self.last: tuple[dict[str, Any], str] | None = None
        self.rows, self.waited = 0, False
        if first:
            self.file = (folder.root / METRICS).open("a", encoding="utf-8")
        names = report_to if first else ()
        self.trackers = Followers(folder.root, names, step, scored, self.line)

    def row(self, values: dict[str, Any]) -> None:
        """One row of metrics.jsonl, on the disk when this returns, where trackers find it.

        Numbers that are not finite become null. Raises DiskError; a folder that another run has
        taken over is left alone.
        """
        lease = self.folder.lease
        if self.file is None:
            return
        if lease is not None and not lease.held:
            self.trackers.stop()
            return
        with told_in_a_line(self.folder.root / METRICS):
            self.file.write(json.dumps(finite(values), allow_nan=False) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
        self.trackers.look(values["step"])

    def event(self, name: str, step: int, **more: Any) -> None:
        """A line of events.jsonl, unless another run has taken the folder over."""
        lease = self.folder.lease
        if self.first and (lease is None or lease.held):
            tell(self.folder.root, name, step, **more)

    def corrupt(self, name: str, step: int, unread: Unread) -> None:
        """Events of the rows of a set that were found corrupt since the last call."""
        for row, why in unread.told().items():
            self.event("corrupt", step, set=name, row=row, why=why)

    @contextmanager
    def timed(self, name: str, step: int, folder: Path | None = None) -> Iterator[None]:
        """The same of what is done while it lasts, with its seconds; nothing where it fails. On a
        terminal it is shown meanwhile, with what it writes into a folder.
        """
        started, screen = time.perf_counter(), self.screen
        with nullcontext() if screen is None else screen.now(name, folder):
            yield
        self.event(name, step, seconds=round(time.perf_counter() - started, 3))

    def begin(self, steps: int, step: int) -> None:
        """Draws how far the run is from now on, where there is a terminal."""
        if self.first and on_terminal():
            self.screen = Screen(steps, step)

    def line(self, text: str) -> None:
        """A line on stderr."""
        if not self.first:
            return
        if self.screen is not None:
            self.screen.line(printable(text))
        else:
            print(printable(text), file=sys.stderr, flush=True)

    def stepped(self, step: int) -> None:
        """Tells that a step is done."""
        if self.screen is not None:
            self.screen.at(step)

    def progress(self, row: dict[str, Any], steps: int, unit: str) -> None:
        """A row for people: on a terminal in the place of the one before, else a line."""
        self.last = row, unit
        if self.screen is not None:
            self.screen.take(row, facts_of(row, unit, self.scores))
        else:
            self.line(people_line(row, steps, unit, self.scores))

    def scored(self, scores: Mapping[str, float]) -> None:
        """Takes up what is told of an evaluation behind the loss, from now on."""
        self.scores = scores
        if self.screen is not None and self.last is not None:
            self.screen.tell(facts_of(*self.last, scores))

    def waiting(self, row: Mapping[str, Any], workers: int) -> None:
        """Says once that steps wait for data, after the first row, whose workers were starting."""
        self.rows += 1
        share = row["data_seconds"] / (row["step_seconds"] or 1.0)
        if self.rows > 1 and share > MUCH and not self.waited:
            self.waited = True
            hint = "more data.workers would read faster"
            self.line(f"{share:.0%} of a step's time it waits for data: {hint} ({workers} now)")

    def end(self) -> None:
        """Leaves the terminal to others."""
        if self.screen is not None:
            self.screen.close()
            self.screen = None

    def close(self, state: str = "done", summary: Mapping[str, Any] | None = None) -> None:
        """Closes the file, and lets trackers send what is left: with how the run ended."""
        if self.file is not None:
            self.file.close()
        self.trackers.close(state, finite(summary or {}))


def finite(value: Any) -> Any:
    """What JSON can say of a value: None where a number is not finite, at any depth."""
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def forget_peak(here: Here) -> None:
    """Counts a GPU's peak memory from here on: filling the model is no part of training."""
    if here.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(here.device)


def memory_gib(here: Here) -> float:
    """The largest rank's peak of allocated memory, the device's since training began or else the
    process's; all ranks call it.
    """
    if here.device.type == "cuda":
        used = torch.cuda.max_memory_allocated(here.device)
    else:
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return round(float(max(here.gather(used))) / 2**30, 3)


def people_line(row: dict[str, Any], steps: int, unit: str, scores: Mapping[str, float]) -> str:
    """Step, loss, scores, rate, throughput, memory and the time that is left."""
    begin = [f"step {row['step']}/{steps}", f"loss {row['loss']:.4f}"]
    left = int((steps - row["step"]) * row["step_seconds"])
    return " | ".join([*begin, *facts_of(row, unit, scores), f"{clock(left)} left"])


def facts_of(row: Mapping[str, Any], unit: str, scores: Mapping[str, float]) -> list[str]:
    """What a row tells behind its loss, what is looked at most first."""
    return [
        *(f"{name} {value:.4g}" for name, value in scores.items()),
        f"lr {row['lr']:.3g}",
        f"{row['examples_per_second']:.0f} examples/s",
        f"{row['targets_per_second']:.0f} {unit}/s",
        *([f"{row['padding']:.0%} padding"] if "padding" in row else []),
        *([f"{row['sent_bytes'] / 1e6:.3g} MB sent"] if "sent_bytes" in row else []),
        *parts_of(row),
        f"{row['memory_gib']:.2f} GiB",
    ]


def parts_of(row: Mapping[str, Any]) -> list[str]:
    """How many examples of each part of a mixture a row counts; nothing without one."""
    begin = "examples/"
    counts = {key.removeprefix(begin): n for key, n in row.items() if key.startswith(begin)}
    return [", ".join(f"{part} {n}" for part, n in counts.items())] if counts else []


def padding(steps: Sequence[Step]) -> dict[str, float]:
    """Which share of what the model got was padding; empty where nothing is padded."""
    filled, places = (sum(one.places[n] for one in steps) for n in (0, 1))
    return {"padding": round(1 - filled / places, 4)} if places else {}


def traffic(sent: float, whole: int) -> dict[str, float]:
    """Bytes that rank 0 sent a step, and how many times fewer than fp32 all-reduce's `whole`.

    Empty where the engine reduces gradients itself; a ratio of 0 where nothing was sent.
    """
    if not whole:
        return {}
    return {"sent_bytes": round(sent), "compression": round(whole / sent, 2) if sent else 0.0}
