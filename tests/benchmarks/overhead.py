"""What the zoo's loop costs: steps per second against a bare PyTorch loop, in one run, in turn.

`python -m tests.benchmarks.overhead [--pairs 5]` prints the ratio (1 = as fast as the bare loop)
for a long and a short step, one process, and each ZeRO stage beside it.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from zoo.layout import Place
from zoo.recipe import Recipe, load_recipe

CATALOG = Path(__file__).parents[2] / "configs" / "recipes"
SIZES = {
    "short step": ["model.config.n_embd=64", "model.config.n_layer=2", "run.batch=4"],
    "long step": ["model.config.n_embd=192", "model.config.n_layer=4", "run.batch=16"],
}
STAGES = (0, 1, 2, 3)


def recipe_of(size: str, stage: int) -> Recipe:
    """GPT-2's twin in one of the sizes."""
    changes = [*SIZES[size], f"parallel.zero.stage={stage}", "run.steps=100000", "data.workers=0"]
    batch = SIZES[size][-1].partition("=")[2]
    path = CATALOG / "nlp" / "gpt2-small-openwebtext.json"
    return load_recipe(path, [*changes, f"run.micro_batch={batch}"], tiny=True)


def zoo_step(recipe: Recipe, root: Path, place: Place) -> tuple[Callable[[], None], Any, Any]:
    """One turn of the real loop with its bookkeeping, what was checked, and more batches."""
    from zoo.data.corrupt import CorruptLimit
    from zoo.engines.build import build_engine
    from zoo.engines.sums import Notice
    from zoo.training.checks import ring_two
    from zoo.training.disk.unread import Unread
    from zoo.training.feeding.batches import training_batches
    from zoo.training.folder import RunFolder
    from zoo.training.logs.log import Log
    from zoo.training.loop import Fit
    from zoo.training.progress import Progress
    from zoo.training.run import prepare
    from zoo.training.world import Here

    checked = ring_two(recipe, place.world)
    prepared = prepare(recipe, checked)
    here = Here(place, torch.device("cpu"))
    engine = build_engine(
        recipe, checked.layout, here.place, checked.task, checked.model, checked.weights,
        here.device, prepared.steps,
    )  # fmt: skip
    progress = Progress()
    train, order = prepared.train, prepared.order
    batches = training_batches(recipe, checked, train, order, 0, here, recipe.data.workers)
    folder = RunFolder(root)
    fit = Fit(
        recipe, engine, checked.task, batches, Unread(CorruptLimit(), here), {}, folder, progress,
        prepared.steps, prepared.order.steps_per_epoch, prepared.order.examples, here,
        Log(folder, (), 0, False),
    )  # fmt: skip

    shares = [next(batches)]

    def step() -> None:
        started = time.perf_counter()
        following = next(batches)
        told = Notice(here.signals.number, fit.unread.news(following))
        done = engine.train_batch(shares.pop(), told)
        shares.append(following)
        fit.advance(done, time.perf_counter() - started)
        if progress.step % recipe.run.log_every == 0:
            fit.write_row(done)

    more = training_batches(recipe, checked, train, order, 0, here, recipe.data.workers)
    return step, checked, more


def bare_step(checked: Any, recipe: Recipe, batches: Any) -> Callable[[], None]:
    """The same model, batches, optimizer and clipping without any of the zoo's loop."""
    from zoo.tasks.build import head_class

    model = head_class(recipe.task.kind).from_config(checked.task.config)
    model.train()
    params = recipe.optimizer.params
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(
        groups, lr=params["lr"], betas=tuple(params["betas"]), weight_decay=params["weight_decay"],
        fused=True,
    )  # fmt: skip

    def step() -> None:
        (batch,) = next(batches)
        logits = model(**batch["inputs"]).logits
        labels = batch["labels"]["labels"]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.optimizer.gradient_clipping)
        optimizer.step()
        optimizer.zero_grad()
        float(loss)

    return step


def seconds(step: Callable[[], None], turns: int) -> float:
    """CPU-bound wall seconds of one step, the mean of `turns`."""
    started = time.perf_counter()
    for _ in range(turns):
        step()
    return (time.perf_counter() - started) / turns


def measure(size: str, stage: int, pairs: int) -> str:
    """One line of the table: the bare step and the median ratio of alternating pairs."""
    recipe = recipe_of(size, stage)
    with TemporaryDirectory() as root:
        ours, checked, batches = zoo_step(recipe, Path(root), Place())
        bare = bare_step(checked, recipe, batches)
        gc.collect()
        gc.freeze()  # as a run does: rows collect what came since
        seconds(ours, 3), seconds(bare, 3)
        turns = max(5, round(2.0 / seconds(bare, 5)))
        ratios, times = [], []
        for _ in range(pairs):
            plain = seconds(bare, turns)
            ratios.append(plain / seconds(ours, turns))
            times.append(plain)
    milliseconds = statistics.median(times) * 1000
    return f"| {size} | {milliseconds:.1f} ms | {stage} | {statistics.median(ratios):.3f} |"


def main() -> None:
    """Prints the table."""
    from zoo.training.world import choose_accelerator, world

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    words = parser.parse_args()
    torch.set_num_threads(1)
    choose_accelerator(Place())
    print("| step | bare loop | ZeRO | zoo / bare |\n| --- | --- | --- | --- |", flush=True)
    with world(Place()):
        for size in SIZES:
            for stage in STAGES:
                print(measure(size, stage, words.pairs), flush=True)


if __name__ == "__main__":
    main()
