"""The trackers that `run.report_to` may name: an entry each, their packages imported on use only.

Each runs in a process of its own (zoo.training.logs.follow), without torch. Project, name, tags and
offline modes follow the tracker's own environment variables where the recipe does not say them.
"""

import csv
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from zoo.training.disk.writing import write_text
from zoo.training.logs.metrics import flat

FOLDER = "trackers"
"""Where in a run's folder they keep their ids and what they say."""
PROJECT = "zoo"
MLFLOW_STATES = {"done": "FINISHED", "stopped": "KILLED"}
MLFLOW_MOST, MLFLOW_LONGEST, MLFLOW_NAME = 100, 6000, 250
"""Parameters in a request, characters of one, and of a name."""
Values = Mapping[str, float]


@dataclass(frozen=True)
class Tracked:
    """What a tracker is told of a run before its first row.

    `id` is what it called the run before, empty at first; `told` the last step of which it is told
    no more, -1 at first; `recipe` the expanded one, with what it was made from under `made`.
    """

    root: Path
    id: str
    told: int
    recipe: dict[str, Any]
    tags: tuple[str, ...]

    def project(self, variable: str) -> str:
        """`run.project`, else what the tracker's variable says, else `zoo`."""
        return self.recipe["run"].get("project") or os.environ.get(variable) or PROJECT


class Tracker(Protocol):
    """A run as a tracker knows it; any method may raise or hang, which ends its process alone."""

    id: str

    def log(self, step: int, values: Values) -> None:
        """Takes one row; what was not finite is NaN."""

    def finish(self, state: str, summary: Values) -> None:
        """Sends what is left and ends; `state`: done, stopped, failed or crashed."""


class Board:
    """TensorBoard's event files in the run's folder; drops what lies beyond the resumed step."""

    def __init__(self, run: Tracked) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.text.summary_v2 import text_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.id, self.event, self.summary = "events", event_pb2.Event, summary_pb2.Summary
        self.writer = EventFileWriter(str(run.root / "tensorboard"))
        # Readers forget what older files say of this step and later ones.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self.add(run.told + 1, session_log=start)
        text = "".join(f"    {line}\n" for line in json.dumps(run.recipe, indent=1).splitlines())
        self.add(run.told + 1, summary=text_pb("recipe", text))

    def add(self, step: int, **what: Any) -> None:
        """Writes one event."""
        self.writer.add_event(self.event(step=step, wall_time=time.time(), **what))

    def log(self, step: int, values: Values) -> None:
        """A scalar each."""
        parts = [self.summary.Value(tag=key, simple_value=one) for key, one in values.items()]
        self.add(step, summary=self.summary(value=parts))
        self.writer.flush()

    def finish(self, state: str, summary: Values) -> None:
        """Writes what is left."""
        self.writer.close()


class Wandb:
    """Weights & Biases, with WANDB_MODE=offline too; curves are drawn over `step`."""

    def __init__(self, run: Tracked) -> None:
        import wandb

        self.id = run.id or uuid4().hex
        self.run = wandb.init(
            project=run.project("WANDB_PROJECT"),
            name=None if "WANDB_NAME" in os.environ else run.root.name,
            group=None if "WANDB_RUN_GROUP" in os.environ else run.recipe["made"]["recipe"],
            tags=[*run.tags, *filter(None, os.environ.get("WANDB_TAGS", "").split(","))],
            dir=os.environ.get("WANDB_DIR") or run.root / FOLDER,
            id=self.id,
            resume="allow",
            config=run.recipe,
            # What the machine does is that of the training, and this process prints nothing of it.
            settings=wandb.Settings(console="off", x_stats_pid=os.getppid()),
        )
        self.run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Values) -> None:
        """One row of its history."""
        self.run.log({"step": step, **values})

    def finish(self, state: str, summary: Values) -> None:
        """The scores as summary, then the end; a stop to be resumed is no success."""
        self.run.summary.update({"state": state, **summary})
        self.run.finish(exit_code=0 if state == "done" else 1)


class MLflow:
    """MLflow, on any tracking URI: a server, or a folder or database of this machine."""

    def __init__(self, run: Tracked) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self.client, self.metric = MlflowClient(), Metric
        if run.id:
            self.id = run.id
            self.client.update_run(self.id, status="RUNNING")
        else:
            name = run.project("MLFLOW_EXPERIMENT_NAME")
            found = self.client.get_experiment_by_name(name)
            group = found.experiment_id if found else self.client.create_experiment(name)
            tags = {mlflow_name(one): "true" for one in run.tags} | {
                "recipe": run.recipe["made"]["recipe"]
            }
            self.id = self.client.create_run(group, run_name=run.root.name, tags=tags).info.run_id
        # MLflow lets no parameter change: what a resume changes keeps its first value there.
        known = self.client.get_run(self.id).data.params
        every = {mlflow_name(key): one for key, one in flat(run.recipe).items()}
        new = {key: one for key, one in every.items() if key not in known}
        params = [Param(key, str(one)[:MLFLOW_LONGEST]) for key, one in new.items()]
        for at in range(0, len(params), MLFLOW_MOST):
            self.client.log_batch(self.id, params=params[at : at + MLFLOW_MOST])

    def log(self, step: int, values: Values) -> None:
        """A metric each, in one request."""
        now = int(time.time() * 1000)
        metrics = [self.metric(mlflow_name(key), one, now, step) for key, one in values.items()]
        self.client.log_batch(self.id, metrics=metrics)

    def finish(self, state: str, summary: Values) -> None:
        """The scores as tags, since metrics are curves there, and the run's status."""
        for key, one in summary.items():
            self.client.set_tag(self.id, mlflow_name(f"final.{key}"), f"{one:g}")
        self.client.set_terminated(self.id, MLFLOW_STATES.get(state, "FAILED"))


def mlflow_name(key: str) -> str:
    """A key as MLflow takes one: patterns and names of classes may hold what it does not."""
    return re.sub(r"[^\w\-. :/]", "_", key, flags=re.ASCII)[:MLFLOW_NAME]


class Trackio:
    """Trackio, on this machine or where TRACKIO_SPACE_ID or TRACKIO_SERVER_URL say."""

    def __init__(self, run: Tracked) -> None:
        import trackio

        # It finds runs by name, and two folders may have one.
        self.id = run.id or f"{run.root.name}-{uuid4().hex[:6]}"
        self.run = trackio.init(
            project=run.project("TRACKIO_PROJECT"),
            name=self.id,
            group=run.recipe["made"]["recipe"],
            config={**flat(run.recipe), "tags": ", ".join(run.tags)},
            resume="allow",
            embed=False,
        )

    def log(self, step: int, values: Values) -> None:
        """One row."""
        self.run.log(dict(values), step=step)

    def finish(self, state: str, summary: Values) -> None:
        """The summary as the last values; then waits until all is written."""
        self.run.log({f"final/{key}": one for key, one in summary.items()})
        self.run.finish()


class Table:
    """metrics.csv in the run's folder: metrics.jsonl for spreadsheets, made anew at each start."""

    def __init__(self, run: Tracked) -> None:
        self.id, self.path, self.rows = "metrics.csv", run.root / "metrics.csv", 0
        self.columns: list[str] = []
        write_text(self.path, "")

    def log(self, step: int, values: Values) -> None:
        """One line; a column that is new is added on the right, to the lines of before too."""
        row = {"step": step, **values}
        if new := [key for key in row if key not in self.columns]:
            self.widen(new)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def widen(self, new: list[str]) -> None:
        """Writes the file anew with more columns, beside and renamed."""
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.columns += new
        beside = self.path.with_name(f".{self.path.name}.part")
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)
        beside.replace(self.path)

    def finish(self, state: str, summary: Values) -> None:
        """All is written."""


@dataclass(frozen=True)
class Entry:
    """A tracker as the zoo knows it."""

    opened: Callable[[Tracked], Tracker]
    package: str = ""
    """What is imported, and the extra that installs it; empty: nothing."""
    again: str = "keeps"
    """What of its rows lies beyond the resumed step: it `keeps` them (and is not told them again),
    `drops` them, or is told all rows `anew`."""


TRACKERS = {
    "tensorboard": Entry(Board, "tensorboard", again="drops"),
    "wandb": Entry(Wandb, "wandb"),
    "mlflow": Entry(MLflow, "mlflow"),
    "trackio": Entry(Trackio, "trackio"),
    "csv": Entry(Table, again="anew"),
}
