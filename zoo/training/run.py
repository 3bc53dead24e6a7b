"""A run from recipe to exported folder, straight down."""

import gc
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.data.corrupt import CorruptLimit
from zoo.data.loader import eval_batches, train_batches
from zoo.data.order import Order
from zoo.data.rows import Batch, Rows
from zoo.engines.build import build_engine
from zoo.engines.engine import Engine, NonFiniteLoss
from zoo.errors import ConfigError, ResumeError
from zoo.layout import Layout, Place
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import batching
from zoo.recipe.derived.exchange import without_effect
from zoo.recipe.load import faults_at_length
from zoo.tasks.task import Task
from zoo.tasks.text.kept import keep_tokenizer, made_from_texts, with_kept_tokenizer
from zoo.telling.notes import unchecked
from zoo.training import checkpoint
from zoo.training.checks import Checked, ring_two
from zoo.training.export import export
from zoo.training.folder import RunFolder
from zoo.training.log import Log
from zoo.training.loop import Fit, Sets
from zoo.training.progress import Progress
from zoo.training.reader import Reader
from zoo.training.scoring import Stopped
from zoo.training.world import Here, device_of, refuse_different, say, world

REFUSED, NOT_FINITE = 2, 3


@dataclass(frozen=True)
class Prepared:
    """The rows that are trained and scored on, prepared once per host before any process group."""

    train: Rows
    valid: dict[str, Rows]
    order: Order
    steps: int


def prepare(recipe: Recipe, checked: Checked) -> Prepared:
    """Packs, filters and orders the rows; LM text is tokenized here and cached."""
    train = checked.task.rows(checked.source.train)
    valid = {name: checked.task.rows(rows) for name, rows in checked.source.valid.items()}
    run, sampling = recipe.run, recipe.data.sampling
    lengths = train.lengths() if sampling == "group-by-length" else None
    order = Order(len(train), run.batch, run.seed, sampling, lengths)
    steps = run.steps or math.ceil((run.epochs or 0) * order.steps_per_epoch)
    if faults := faults_at_length(recipe, steps):
        raise ConfigError(faults)
    return Prepared(train, valid, order, steps)


def run(recipe: Recipe, fresh: bool = False) -> int:
    """Trains, evaluates, saves, resumes and exports one recipe; returns the exit code.

    Every process of a launch calls it. Raises ConfigError and ResumeError before any process group.
    """
    started = time.time()
    place = Place.from_environment()
    folder = RunFolder.of(recipe)
    try:
        kept = recipe if fresh else with_kept_tokenizer(recipe, folder.root)
        checked = ring_two(kept, place.world, device_of(place).type)
        notes = [] if fresh else folder.compare(recipe)
        prepared = prepare(recipe, checked)
    except (ConfigError, ResumeError):
        if place.rank == 0:
            folder.write_status("refused", REFUSED, started)
        raise
    with world(place) as here:
        refuse_different(here, recipe, checked.task.digests())
        for note in [*without_effect(recipe), *unchecked(recipe), *checked.notes, *notes]:
            say(here, note)
        if here.first:
            aside = folder.set_aside() if fresh else None
            say(here, f"the old run is now {aside}" if aside else f"run folder {folder.root}")
            folder.write_recipe(recipe)
            if made_from_texts(kept) and checked.task.tokenizer is not None:
                keep_tokenizer(checked.task.tokenizer, folder.root)
            folder.write_status("running", None, started)
        here.gather(None)
        code, step = train(recipe, checked, prepared, folder, here)
    if here.first:
        if code == 0:
            finish(recipe, folder, checked)
        state = {0: "done", NOT_FINITE: "failed"}.get(code, "stopped")
        folder.write_status(state, code, started, step=step)
    return code


def train(
    recipe: Recipe, checked: Checked, prepared: Prepared, folder: RunFolder, here: Here
) -> tuple[int, int]:
    """The part inside the process group; returns the exit code and the last finished step."""
    engine = engine_of(recipe, checked, prepared, here)
    progress = resume(engine, folder, here)
    if progress.step >= prepared.steps:
        say(here, f"the run has all its {prepared.steps} steps")
    log = Log(folder, recipe.run.report_to, progress.step, here.first)
    fit = Fit(
        recipe=recipe,
        engine=engine,
        task=checked.task,
        batches=training_batches(recipe, checked, prepared, progress, here),
        sets=valid_sets(recipe, checked.layout, checked.task, prepared.valid, here),
        folder=folder,
        progress=progress,
        steps=prepared.steps,
        steps_per_epoch=prepared.order.steps_per_epoch,
        here=here,
        log=log,
    )
    code = fitted(fit)
    engine.close()
    return code, progress.step


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


def fitted(fit: Fit) -> int:
    """Runs the loop to its end, whichever it is; the exit code.

    What the start made stays: the collector need not walk it again, on each rank at another time.
    """
    gc.collect()
    gc.freeze()
    try:
        fit.run()
    except Stopped as stop:
        fit.log.line(f"{stop}, saved at step {fit.progress.step}")
        return 128 + stop.signal
    except NonFiniteLoss as error:
        fit.log.line(str(error))
        return NOT_FINITE
    finally:
        gc.unfreeze()
        fit.log.close()
    return 0


def sample_batch(recipe: Recipe, task: Task, rows: Rows) -> Batch:
    """The first rows as a micro-batch."""
    size, limit = min(recipe.run.micro_batch, len(rows)), CorruptLimit.of(recipe, rows)
    batches = eval_batches(rows, task.example, task.collate, size, 0, 1, recipe.run.seed, 0, limit)
    return next(iter(batches))


def resume(engine: Engine, folder: RunFolder, here: Here) -> Progress:
    """Takes up the newest checkpoint that is whole, or starts at step 0; every rank calls it."""
    found, messages = checkpoint.newest_whole(folder.root, here)
    for message in messages:
        say(here, message)
    progress = Progress()
    if found is not None:
        reader = Reader(found)
        counters = reader.counters()
        progress = Progress.from_json(counters["progress"])
        engine.restore(progress.step, counters["engine"], reader.read)
        say(here, f"resumed from {found.name}, written by {counters['layout']}")
    if here.first:
        folder.cut_metrics(progress.step)
        best = f"step-{progress.best_step or 0:08d}"
        if (folder.root / "checkpoints" / best).is_dir():
            checkpoint.point(folder.root / "best", best)
    here.gather(None)
    return progress


def training_batches(
    recipe: Recipe, checked: Checked, prepared: Prepared, progress: Progress, here: Here
) -> Iterator[list[Batch]]:
    """This rank's micro-batches from the next step on."""
    return train_batches(
        prepared.train,
        prepared.order,
        checked.task.example,
        checked.task.collate,
        batching(recipe, checked.layout),
        checked.layout.data_rank(here.place.rank),
        recipe.run.seed,
        recipe.data.workers,
        progress.step,
        CorruptLimit.of(recipe, prepared.train),
    )


def valid_sets(
    recipe: Recipe, layout: Layout, task: Task, sets: dict[str, Rows], here: Here
) -> Sets:
    """For each set a way to go through it once, sharing it out to the data ranks."""

    def batches_of(rows: Rows) -> Callable[[], Iterator[Batch]]:
        return lambda: eval_batches(
            rows,
            task.example,
            task.collate,
            recipe.run.eval_micro_batch,
            layout.data_rank(here.place.rank),
            layout.data,
            recipe.run.seed,
            recipe.data.workers,
            CorruptLimit.of(recipe, rows),
        )

    return {name: batches_of(rows) for name, rows in sets.items()}


def finish(recipe: Recipe, folder: RunFolder, checked: Checked) -> Path:
    """Exports what the run made, unless the same checkpoint was exported before."""
    out = export(folder, recipe, checked.task, checked.source)
    print(f"the model lies in {out}", flush=True)
    return out
