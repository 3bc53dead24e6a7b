"""A run from recipe to exported folder, straight down."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import eval_batches
from zoo.data.loading.shards import check_room
from zoo.data.rows import Batch, Rows
from zoo.data.source import Source
from zoo.engines.build import build_engine
from zoo.engines.engine import Engine, NonFiniteLoss
from zoo.layout import Place
from zoo.recipe import Recipe
from zoo.recipe.derived.exchange import optimizer_of
from zoo.tasks.targets import said_left_out
from zoo.tasks.task import Task
from zoo.tasks.text.kept import made_from_texts, with_kept_tokenizer
from zoo.telling.notes import notes as told
from zoo.telling.phases import phase
from zoo.training.checks import Checked, ring_two
from zoo.training.disk.learned import equal_everywhere, learned
from zoo.training.disk.resuming import AS_IT_LIES, Chosen, Start, choose, resume
from zoo.training.disk.sharing import shared
from zoo.training.disk.status import Status, held, stopped_by_signals
from zoo.training.disk.together import on_first
from zoo.training.disk.unread import Unread
from zoo.training.disk.weights import base_files
from zoo.training.export import finish
from zoo.training.feeding.asking import ask_reference
from zoo.training.feeding.batches import training_batches, valid_sets
from zoo.training.feeding.crew import Crew, crew_of
from zoo.training.feeding.prepared import Prepared, examples_at_once, prepare
from zoo.training.feeding.rehearsal import rehearse
from zoo.training.folder import RunFolder
from zoo.training.logs import events
from zoo.training.logs.followers import trackers_of
from zoo.training.logs.head import head_of, tell_head
from zoo.training.logs.log import Log
from zoo.training.loop import Fit
from zoo.training.progress import Progress
from zoo.training.scoring import Stopped
from zoo.training.world import Here, device_of, refuse_different, say, world

FAILED, NOT_FINITE = 1, 3
Finished = Callable[[Path, Source], None]


def run(
    recipe: Recipe, start: Start = AS_IT_LIES, finished: Finished = lambda root, source: None
) -> int:
    """Trains, evaluates, saves, resumes and exports one recipe; returns the exit code.

    Every process of a launch calls it. Raises ConfigError and ResumeError before any process group
    where that can be, and whatever ends it stands in the folder's status.json. What was exported is
    shown to `finished` on rank 0.
    """
    place = Place.from_environment()
    folder = RunFolder.of(recipe)
    with held(recipe, folder.root, place.rank == 0) as status:
        with stopped_by_signals():
            phase("opening data and model")
            kept = recipe if start.fresh else with_kept_tokenizer(recipe, folder.root)
            checked = ring_two(kept, place.world, device_of(place).type, any_base=start.accept_base)
            notes = [] if start.fresh else folder.compare(recipe)
            prepared = prepare(recipe, checked)
            check_room(recipe, checked.layout, place, prepared.order, *prepared.every)
            notes += said_left_out(checked.task) + prepared.told_of_parts
            data = learned(checked.source.train, checked.task, base_files(recipe))
        rows = prepared.train, prepared.valid
        with crew_of(recipe, checked, *rows, place) as crew, world(place) as here:
            refuse_different(here, recipe, equal_everywhere(data))
            for note in [*told(recipe), *checked.notes, *notes]:
                say(here, note)
            aside = on_first(here, lambda: status.start_over() if start.fresh else None)
            if aside:
                say(here, f"the old run is now {aside}")
            status.lease = shared(recipe, folder.root, status.lease, here)
            folder = replace(folder, lease=status.lease)
            chosen = choose(folder, start, data, here)
            on_first(here, lambda: begin(kept, recipe, checked, folder))
            status.say("running", **filtered(checked))
            ended = train(recipe, checked, prepared, folder, chosen, status, here, crew)
        more = ended.more()
        if here.first and ended.code == 0:
            phase("exporting")
            started = time.perf_counter()
            more |= finish(folder, recipe, checked.task, checked.source, start.accept_base)
            events.tell(folder.root, "export", ended.step, seconds=time.perf_counter() - started)
            finished(folder.root, prepared.asked(checked))
        state = {0: "done", NOT_FINITE: "failed"}.get(ended.code, "stopped")
        status.say(state, ended.code, **more)
    return ended.code


def begin(kept: Recipe, recipe: Recipe, checked: Checked, folder: RunFolder) -> None:
    """Writes what a run is made from, before its first step; rank 0 does."""
    folder.write_origin(recipe, checked.source.labels, checked.parameters())
    if made_from_texts(kept) and checked.task.tokenizer is not None:
        folder.keep_tokenizer(checked.task.tokenizer)


def filtered(checked: Checked) -> dict[str, Any]:
    """What the status says of rows that a filter let go."""
    lost = checked.source.left_out
    return {"left_out": lost} if lost else {}


@dataclass(frozen=True)
class Ended:
    """How the loop ended: the exit code, the last finished step, and why, if before its time."""

    code: int
    step: int
    why: str = ""

    def more(self) -> dict[str, Any]:
        """What the status says beside the code."""
        word = {NOT_FINITE: "error", 0: "early"}.get(self.code)
        return {"step": self.step} | ({word: self.why} if word and self.why else {})


def train(
    recipe: Recipe, checked: Checked, prepared: Prepared, folder: RunFolder, chosen: Chosen,
    status: Status, here: Here, crew: Crew,
) -> Ended:  # fmt: skip
    """The part inside the process group, from the checkpoint that was chosen on."""
    made = ready(checked, prepared)
    try:
        engine, progress = begun(recipe, checked, prepared, folder, chosen, here)
    except Stopped as stop:
        say(here, f"{stop}, before it began to train")
        return Ended(128 + stop.signal, chosen.progress.step)
    status.follow(lambda: progress.step)
    if progress.step >= prepared.steps:
        say(here, f"the run has all its {prepared.steps} steps")
    else:
        rehearse(recipe, checked.task, prepared.train, prepared.order, engine, here)
    log = Log(folder, trackers_of(recipe), progress.step, here.first, progress.evaluated)
    fit = Fit(
        recipe=recipe,
        engine=engine,
        task=checked.task,
        batches=training_batches(
            recipe, checked, prepared.train, prepared.order, progress.step, here, crew.train
        ),
        unread=Unread(CorruptLimit.of(recipe, prepared.train), here, progress.unread),
        sets=valid_sets(recipe, checked, prepared.valid, here, crew.valid),
        folder=folder,
        progress=progress,
        steps=prepared.steps,
        steps_per_epoch=prepared.order.steps_per_epoch,
        examples=prepared.order.examples,
        here=here,
        log=log,
        saved=progress.step,
    )
    took = round(time.time() - status.values["started"], 3)
    facts = made | events.surroundings(here)
    log.event("start", progress.step, seconds=took, **facts)
    if here.first:
        tell_head(head_of(recipe, checked.layout, facts, folder.root, progress.step))
    ended = fitted(fit)
    engine.close()
    return ended


def begun(
    recipe: Recipe, checked: Checked, prepared: Prepared, folder: RunFolder, chosen: Chosen,
    here: Here,
) -> tuple[Engine, Progress]:  # fmt: skip
    """The engine with all that it goes on from; raises Stopped by a signal before that."""
    phase("filling the model")
    engine = engine_of(recipe, checked, prepared, here)
    ask_reference(recipe, checked, engine, here, prepared.every)
    progress = resume(engine, folder, chosen, here)
    if checked.moments is not None and chosen.found.folder is None:
        kinds, counters = optimizer_of(recipe).moments, checked.moments.counters()
        engine.take_moments(kinds, counters["engine"], checked.moments.read)
        say(here, f"moments from {checked.moments.folder}, of step {counters['progress']['step']}")
    return engine, progress


def ready(checked: Checked, prepared: Prepared) -> dict[str, Any]:
    """What is about to be trained, for the run's events; the model not yet cut among ranks."""
    return {
        "layout": checked.layout.describe(),
        "parameters": checked.parameters(),
        "trained": checked.parameters(trained=True),
        "steps": prepared.steps,
        "steps_per_epoch": prepared.order.steps_per_epoch,
        "train": len(prepared.train),
        "valid": {name: len(rows) for name, rows in prepared.valid.items()},
        "left_out": {why: count for why, count in checked.task.left_out.items() if count},
    }


def engine_of(recipe: Recipe, checked: Checked, prepared: Prepared, here: Here) -> Engine:
    """The engine of the run, with the weights that it starts from."""
    return build_engine(
        recipe,
        checked.layout,
        here.place,
        checked.task,
        checked.model,
        checked.weights,
        here.device,
        prepared.steps,
        lambda: sample_batch(recipe, checked.task, prepared.train),
    )


def fitted(fit: Fit) -> Ended:
    """Runs the loop to its end, whichever it is.

    What the start made stays: the collector need not walk it again, on each rank at another time.
    """
    gc.collect()
    gc.freeze()
    code, why = FAILED, ""
    fit.log.begin(fit.steps, fit.progress.step)
    try:
        fit.run()
        code, why = 0, fit.given_up()
    except Stopped as stop:
        code, why = 128 + stop.signal, f"{stop}, saved at step {fit.progress.step}"
    except NonFiniteLoss as error:
        code, why = NOT_FINITE, str(error)
    finally:
        gc.unfreeze()
        fit.log.end()
        if why:
            fit.log.line(why)
        state = {0: "done", FAILED: "failed", NOT_FINITE: "failed"}.get(code, "stopped")
        best = {"best": fit.progress.best, "best_step": fit.progress.best_step}
        fit.log.close(state, best if fit.progress.best_step else {})
        fit.log.event("end", fit.progress.step, state=state, exit_code=code, why=why)
    return Ended(code, fit.progress.step, why)


def sample_batch(recipe: Recipe, task: Task, rows: Rows) -> Batch:
    """The first rows as a micro-batch, as the model reads it."""
    size, limit = min(examples_at_once(recipe), len(rows)), CorruptLimit.of(recipe, rows)
    batches = eval_batches(rows, task.example, task.collate, size, 0, 1, recipe.run.seed, 0, limit)
    batch = next(iter(batches))
    return batch | {"inputs": task.on_device(batch["inputs"])}
