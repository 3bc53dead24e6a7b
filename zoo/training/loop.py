"""The loop: one step after the other, and three plain ifs: log, evaluate, save."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.data.rows import Batch
from zoo.engines.engine import Engine, Step
from zoo.engines.sums import Notice
from zoo.errors import ConfigError, Fault, Told, near
from zoo.recipe import Recipe, origin
from zoo.recipe.derived.average import by_average
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.task import Task
from zoo.training import checkpoint
from zoo.training.disk.together import on_first
from zoo.training.disk.unread import Unread
from zoo.training.folder import RunFolder
from zoo.training.logs.log import Log, forget_peak, memory_gib, padding, traffic
from zoo.training.progress import Progress, due
from zoo.training.scoring import ScoredSet, Stopped, score_set
from zoo.training.world import Here


@dataclass
class Fit:
    """All that the loop holds; `steps_per_epoch` only serves rhythms and the epoch shown, and
    `examples` tells how many of each part of a mixture so many steps have.
    """

    recipe: Recipe
    engine: Engine
    task: Task
    batches: Iterator[list[Batch]]
    unread: Unread
    sets: Mapping[str, ScoredSet]
    folder: RunFolder
    progress: Progress
    steps: int
    steps_per_epoch: int
    examples: Callable[[int], Mapping[str, int]]
    here: Here
    log: Log
    saved: int = -1
    window: list[tuple[float, Step]] = field(default_factory=list)
    data_seconds: float = 0.0

    def run(self) -> None:
        """Trains to the last step; raises Stopped after a signal, NonFiniteLoss on a bad loss, and
        ConfigError or DataError where a rank could not read what comes next: all ranks the same.

        A step's message also tells whether the next micro-batches are there.
        """
        run = self.recipe.run
        forget_peak(self.here)
        if (
            self.progress.step
            and self.evaluation_due()
            and self.progress.evaluated < self.progress.step
        ):
            self.evaluate()
        share = self.fetched(0)
        self.settle(share)
        while self.progress.step < self.steps and not self.given_up():
            started = time.perf_counter()
            following = self.fetched(1)
            told = Notice(self.here.signals.number, self.unread.news(following))
            step, share = self.engine.train_batch(share, told), following
            self.advance(step, time.perf_counter() - started)
            if due(run.log_every, self.progress.step, self.steps, self.steps_per_epoch):
                self.write_row(step)
            if step.told.news and not step.signal:
                self.settle(following)
            if self.evaluation_due() and not step.signal:
                self.evaluate()
            if step.signal or due(
                run.save_every, self.progress.step, self.steps, self.steps_per_epoch
            ):
                self.save()
            if step.signal:
                raise Stopped(step.signal)
        if self.given_up():
            self.save()

    def given_up(self) -> str:
        """Why the run ends before its last step, if `run.patience` is over; on all ranks alike."""
        progress, patience = self.progress, self.recipe.run.patience
        if patience is None or progress.best is None or progress.waited < patience:
            return ""
        best = f"{progress.best:.6g} of step {progress.best_step}"
        return f"no score better than {best} in {progress.waited} evaluations: the run ends"

    def fetched(self, ahead: int) -> list[Batch]:
        """This rank's micro-batches so many steps ahead; none beyond the last step."""
        started = time.perf_counter()
        share = next(self.batches) if self.progress.step + ahead < self.steps else []
        self.data_seconds += time.perf_counter() - started
        return share

    def settle(self, share: list[Batch]) -> None:
        """Shares what ranks could not read; before they leave for it, they save."""
        try:
            self.unread.settle(share)
        except Told:
            self.save_finished()
            raise
        finally:
            self.log.corrupt("train", self.progress.step, self.unread)
        self.progress.unread = self.unread.rows

    def advance(self, step: Step, seconds: float) -> None:
        """Counts a finished step."""
        self.progress.step += 1
        self.progress.samples += step.examples
        self.progress.seconds += seconds
        self.progress.corrupt += step.corrupt
        for name, count in step.lost.items():
            self.progress.lost[name] = self.progress.lost.get(name, 0) + count
        self.window.append((seconds, step))
        self.log.stepped(self.progress.step)

    def write_row(self, step: Step) -> None:
        """A training row: the step's own loss and norm, throughput since the last row."""
        progress = self.progress
        seconds = sum(s for s, _ in self.window)
        steps = [step for _, step in self.window]
        row = {
            "step": progress.step,
            "loss": step.loss,
            "grad_norm": step.grad_norm,
            "lr": step.lr,
            "examples": progress.samples,
            "examples_per_second": round(sum(one.examples for one in steps) / seconds, 2),
            "targets_per_second": round(sum(one.targets for one in steps) / seconds, 1),
            "step_seconds": round(seconds / len(steps), 5),
            "data_seconds": round(max(self.here.gather(self.data_seconds)) / len(steps), 5),
            "seconds": round(progress.seconds, 3),
            "memory_gib": memory_gib(self.here),
            "epoch": round(progress.step / self.steps_per_epoch, 4),
            "skipped": sum(one.skipped for one in steps),
            "corrupt": progress.corrupt,
            **{f"examples/{part}": n for part, n in self.examples(progress.step).items()},
            **padding(steps),
            **lost_by_reason(self.task, progress),
            **traffic(sum(one.sent for one in steps) / len(steps), self.engine.whole_bytes),
            **self.engine.facts(),
        }
        self.window, self.data_seconds = [], 0.0
        gc.collect()  # on all ranks at once, where they have just met
        on_first(self.here, lambda: self.log.row(row))
        unit = kind_of(self.recipe.task).unit
        self.log.progress(row, self.steps, unit)
        self.log.waiting(row, self.recipe.data.workers)

    def evaluation_due(self) -> bool:
        """Whether the sets are scored after this step."""
        rhythm = self.recipe.run.eval_every
        return bool(self.sets) and due(rhythm, self.progress.step, self.steps, self.steps_per_epoch)

    def evaluate(self) -> None:
        """Scores every set; a better headline is saved and pointed at by `best`."""
        with self.log.timed("evaluation", self.progress.step):
            row = self.scores()
        self.progress.evaluated = self.progress.step
        on_first(self.here, lambda: self.log.row({"step": self.progress.step} | row))
        self.log.line(
            f"step {self.progress.step}: " + ", ".join(f"{k} {v:.4f}" for k, v in row.items())
        )
        metric = self.best_metric(row)
        self.log.scored({metric: row[metric]})
        if self.better(metric, row[metric]):
            self.progress.best, self.progress.best_step = row[metric], self.progress.step
            self.progress.waited = 0
            checkpoint.point_at_best(self.folder, self.save(), self.here)
        else:
            self.progress.waited += 1

    def best_metric(self, row: Mapping[str, float]) -> str:
        """The row's key that tells the best checkpoint: `run.best_metric` or the first headline.

        Saves and raises ConfigError where the recipe names a score that there is not.
        """
        headline, chosen = kind_of(self.recipe.task).headline, self.recipe.run.best_metric
        if chosen is not None and chosen not in row:
            self.save()
            where, key = origin(self.recipe, "run.best_metric"), "run.best_metric"
            raise ConfigError([Fault(where, key, chosen, ", ".join(row), near(chosen, row))])
        return chosen or next(key for key in row if key.endswith(f"/{headline}"))

    def scores(self) -> dict[str, float]:
        """The scores of all sets, of the average of the weights where the recipe says so; saves
        before ranks leave for a stop signal or unreadable rows.
        """
        row: dict[str, float] = {}
        self.swap_average()
        try:
            for name, one in self.sets.items():
                found = score_set(self.engine, self.task, one, self.here, self.here.signals)
                self.log.corrupt(name, self.progress.step, one.unread)
                prefix = "valid" if name == "valid" else f"valid/{name}"
                row |= {f"{prefix}/{key}": value for key, value in found.items()}
        except (Stopped, Told):
            self.swap_average()
            self.save_finished()
            raise
        self.swap_average()
        return row

    def swap_average(self) -> None:
        """Puts the weights that are scored in the place of those that are trained, or back."""
        if by_average(self.recipe):
            self.engine.swap_average()

    def better(self, metric: str, value: float) -> bool:
        """Whether a score beats the best so far; a tie keeps the older."""
        best = self.progress.best
        if best is None or best != best:
            return True
        upward = kind_of(self.recipe.task).larger_is_better(metric)
        return value > best if upward else value < best

    def save_finished(self) -> None:
        """A checkpoint of the steps that were taken, if any; all ranks leave after it."""
        if self.progress.step:
            self.save()

    def save(self) -> Path:
        """A checkpoint of this step, once; older ones beyond `run.keep` go."""
        progress, keep = self.progress, self.recipe.run.keep
        if self.saved == progress.step:
            return self.folder.checkpoint(progress.step)
        with self.log.timed("checkpoint", progress.step, checkpoint.part_of(self.folder, progress)):
            folder = checkpoint.save(self.folder, self.engine, progress, keep, self.here)
        self.saved = progress.step
        return folder


def lost_by_reason(task: Task, progress: Progress) -> dict[str, int]:
    """Examples that lost targets so far, and rows that were left out before, by counter."""
    names = dict.fromkeys([*task.lost, *task.left_out])
    return {name: progress.lost.get(name, 0) + task.left_out.get(name, 0) for name in names}
