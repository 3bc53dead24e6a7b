"""How a run goes on: from which checkpoint, on which data, with which rows of metrics."""

import shutil
from dataclasses import dataclass
from typing import Any

from zoo.engines.engine import Engine
from zoo.training.disk.kept import BEST, CHECKPOINTS, Found, point, set_newer_aside, start_of
from zoo.training.disk.learned import Learned, refuse_others
from zoo.training.disk.together import on_first, together
from zoo.training.disk.writing import told_in_a_line
from zoo.training.folder import RunFolder
from zoo.training.progress import Progress
from zoo.training.reader import Reader
from zoo.training.world import Here, say


@dataclass(frozen=True)
class Start:
    """How a run is started, where its folder has one already: what `zoo train` may be told.

    `fresh` starts over beside it, `from_step` goes back to that checkpoint, `accept_data` goes on
    though the data are others than those of the checkpoint, `accept_base` though an adapter's base
    has other weights than it was trained on.
    """

    fresh: bool = False
    from_step: int | None = None
    accept_data: bool = False
    accept_base: bool = False


AS_IT_LIES = Start()


@dataclass(frozen=True)
class Chosen:
    """From where a run goes on: a checkpoint (or nothing yet), how far it was, what wrote it."""

    found: Found
    progress: Progress
    engine: dict[str, Any]
    layout: str = ""


def choose(folder: RunFolder, start: Start, data: Learned, here: Here) -> Chosen:
    """The newest whole checkpoint or that of `from_step`, of step 0 where there is none.

    Nothing is changed; every rank must call it. Raises ResumeError on all of them where no
    checkpoint can be read, or the one that is taken was trained on other data.
    """
    found = start_of(folder.root, here, start.from_step)
    if found.folder is None:
        return Chosen(found, Progress(learned=data), {})
    counters = Reader(found.folder).counters()
    progress = Progress.from_json(counters["progress"])
    accepted = start.accept_data, start.accept_base
    together(here, lambda: refuse_others(str(found.folder), progress.learned, data, *accepted))
    progress.learned = data
    return Chosen(found, progress, counters["engine"], counters["layout"])


def resume(engine: Engine, folder: RunFolder, chosen: Chosen, here: Here) -> Progress:
    """Takes up the chosen checkpoint and clears the folder for it; every rank must call it."""
    progress, found = chosen.progress, chosen.found
    for line in on_first(here, lambda: set_newer_aside(folder.root, found)):
        say(here, line)
    if found.folder is not None:
        engine.restore(progress.step, chosen.engine, Reader(found.folder).read)
        say(here, f"resumed from {found.folder.name}, written by {chosen.layout}")
        for line in progress.other_draws():
            say(here, line)
    if not on_first(here, lambda: tidy(folder, progress)):
        progress.best, progress.best_step, progress.waited = None, None, 0
    return progress


def tidy(folder: RunFolder, progress: Progress) -> bool:
    """Takes away what a crash left half and rows that are made again; whether the best is there.

    Where it is not (broken, or moved aside), the next evaluation is the best so far.
    """
    with told_in_a_line(folder.root):
        for part in (folder.root / CHECKPOINTS).glob(".step-*.part"):
            shutil.rmtree(part, ignore_errors=True)
        folder.cut_metrics(progress.step, progress.evaluated)
        best = folder.checkpoint(progress.best_step or 0)
        there = best.is_dir()
        if there:
            point(folder.root, BEST, best)
        else:
            (folder.root / BEST).unlink(missing_ok=True)
    return there
