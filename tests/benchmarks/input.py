"""What a worker of the loader makes in a second: an earlier way against today's, in turn.

`python -m tests.benchmarks.input [images] [large] [step] [speech]`. Before, a worker decoded and
resized with Pillow, and scaled and mixed in float32; of speech it asked transformers' extractor.
That way is written out beside (`input_before.py`); both go through the same loader, each with one
worker, in rounds, of which the fastest counts. `large` compares large photographs decoded whole
with what a crop asks of them. `step` trains ResNet-50's twin from the same files.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

from tests.benchmarks.input_before import Before, BeforeSpeech, clips
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import train_batches
from zoo.data.ordering.build import order_of
from zoo.data.rows import Batch, Example, Row, Rows
from zoo.engines.engine import moved
from zoo.engines.transforms import in_training
from zoo.models.fill import NoWeights, fill
from zoo.recipe import Recipe, load_recipe
from zoo.tasks.task import Task
from zoo.training.checks import Checked, ring_two

CATALOG = Path(__file__).parents[2] / "configs" / "recipes"
IMAGES, CLIPS, ROUNDS = 256, 48, 3
MIXED = ['task.augment={"crop": {}, "hflip": 0.5, "mixup": 0.8, "cutmix": 1.0}']
MASKS = {"freq_masks": 2, "freq_width": 27, "time_masks": 5, "time_width": 0.05}
SHORT = ["run.steps=100", "run.eval_every=0", "data.workers=1", "run.expected=unset"]
CPU = torch.device("cpu")


def photographs(folder: Path, width: int = 500, height: int = 375, count: int = IMAGES) -> None:
    """JPEGs in two class folders: pieces of 500x375 of scikit-learn's two photographs (80 kB),
    enlarged.
    """
    rng = np.random.default_rng(0)
    for number, photograph in enumerate(load_sample_images().images):
        (folder / str(number)).mkdir(parents=True)
        for index in range(count // 2):
            top, left = rng.integers(photograph.shape[0] - 375), rng.integers(640 - 500)
            piece = Image.fromarray(photograph[top : top + 375, left : left + 500])
            piece = piece.resize((width, height), Image.Resampling.LANCZOS)
            piece.save(folder / str(number) / f"{index}.jpg", quality=95)


def of_images(folder: Path, *changes: str, tiny: bool = False) -> tuple[Recipe, Checked]:
    """The recipe of ResNet-50 on the photographs."""
    words = {"source": "files", "folder": str(folder), "format": "class-folders", "train": "*/*"}
    sizes = ["run.batch=64", "run.micro_batch=64", "run.precision=fp32", *SHORT]
    given = [f"data={json.dumps(words)}", *sizes, *changes]
    recipe = load_recipe(CATALOG / "vision" / "resnet50-imagenet.json", given, tiny=tiny)
    return recipe, ring_two(recipe, 1)


def of_speech(folder: Path) -> tuple[Recipe, Checked]:
    """The recipe of the small conformer on clips, with SpecAugment."""
    words = {"source": "files", "folder": str(folder), "format": "jsonl", "train": "*.jsonl"}
    sizes = ["run.batch=16", "run.micro_batch=16", "run.precision=fp32"]
    others = ["run.export=last", "run.best_metric=unset"]
    others += ["optimizer.scheduler.params.warmup_num_steps=0.1", "run.epochs=unset", *SHORT]
    masks = f"task.augment.spec_augment={json.dumps(MASKS)}"
    given = [f"data={json.dumps(words)}", *sizes, *others, masks, "model.tokenizer=characters"]
    path = CATALOG / "speech" / "conformer-ctc-small-librispeech.json"
    recipe = load_recipe(path, given)
    return recipe, ring_two(recipe, 1)


def batches_of(
    recipe: Recipe, rows: Rows, example: Callable[..., Any], collate: Callable[..., Any]
) -> Iterator[list[Batch]]:
    """Micro-batches of a training with one worker."""
    order, limit = order_of(recipe, rows, 1), CorruptLimit()
    accumulation = recipe.run.batch // recipe.run.micro_batch
    return train_batches(rows, order, example, collate, accumulation, 0, 0, 1, 0, limit)


def per_second(made: Iterator[list[Batch]], examples: int, steps: int) -> float:
    """Examples that the worker hands over in a second, once it runs."""
    for _ in range(6):  # more than it may be ahead
        next(made)
    started = time.perf_counter()
    for _ in range(steps):
        next(made)
    found = examples * steps / (time.perf_counter() - started)
    made.close()  # type: ignore[attr-defined]
    gc.collect()
    return found


def compared(name: str, recipe: Recipe, ways: dict[str, tuple[Any, ...]], steps: int) -> None:
    """Prints what each way (rows, example, collate) makes in a second, and their ratio."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for way, parts in ways.items():
            rate = per_second(batches_of(recipe, *parts), recipe.run.batch, steps)
            best[way] = max(best[way], rate)
    before, after = best.values()
    print(f"{name}: {before:.0f} a second before, {after:.0f} now: {after / before:.2f} times")


def images(folder: Path) -> None:
    """Images a second at 224, cropped and turned over, without mixing and with it."""
    for name, changes in (("images", []), ("images, mixed", MIXED)):
        recipe, checked = of_images(folder, *changes)
        task, rows = checked.task, checked.source.train
        old = Before(task)
        ways = {
            "before": (old.rows(rows), old.example, old.collate),
            "now": (rows, task.example, task.collate),
        }
        compared(name, recipe, ways, 8)


def large(folder: Path) -> None:
    """Images a second at 224 from larger photographs: whole, and as small as their crop allows."""
    for width, height in ((800, 600), (1024, 768), (2000, 1500), (4000, 3000)):
        photographs(folder / str(width), width, height, 64)
        recipe, checked = of_images(folder / str(width))
        task, rows = checked.task, checked.source.train

        def whole(row: Row, rng: np.random.Generator, training: bool, task: Task = task) -> Example:
            row["image"].load()
            return task.example(row, rng, training)

        ways = {"before": (rows, whole, task.collate), "now": (rows, task.example, task.collate)}
        compared(f"images of {width}x{height}", recipe, ways, 2)


def speech(folder: Path) -> None:
    """Clips of 8 to 12 s a second, FLAC and WAV."""
    for kind in ("flac", "wav"):
        (folder / kind).mkdir()
        clips(folder / kind, kind, CLIPS)
        recipe, checked = of_speech(folder / kind)
        task, rows = checked.task, checked.source.train
        old = BeforeSpeech(task)
        ways = {
            "before": (rows, old.example, old.collate),
            "now": (rows, task.example, task.collate),
        }
        compared(f"clips, {kind}", recipe, ways, 10)


def step(folder: Path) -> None:
    """The share of a step of ResNet-50's twin that waits for the one worker, by size of image."""
    for size in (32, 64, 224):
        step_at(size, folder)


def step_at(size: int, folder: Path) -> None:
    """The same at one size."""
    augment = 'task.augment={"crop": {}, "hflip": 0.5}'
    sizes = [f"task.image_size={size}", f"task.eval_image_size={size}"]
    recipe, checked = of_images(folder, *sizes, augment, tiny=True)
    task, rows = checked.task, checked.source.train
    model = in_training(checked.model, recipe)
    fill(model, 0, NoWeights(), CPU)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=1e-3)
    old = Before(task)
    ways = {
        "before": ((old.rows(rows), old.example, old.collate), lambda batch: batch),
        "now": (
            (rows, task.example, task.collate),
            lambda batch: moved(batch, CPU, torch.float32, task),
        ),
    }
    for name, (parts, ready) in ways.items():
        made, waited, whole = batches_of(recipe, *parts), 0.0, 0.0
        for number in range(16):
            started = time.perf_counter()
            share = next(made)
            there = time.perf_counter()
            for batch in map(ready, share):
                loss: Tensor = task.loss(model(**batch["inputs"]), batch)
                (loss / recipe.run.batch).backward()
            optimizer.step()
            optimizer.zero_grad()
            if number >= 6:
                waited += there - started
                whole += time.perf_counter() - started
        made.close()  # type: ignore[attr-defined]
        part = f"{waited / whole:.0%} wait for the worker"
        print(f"step at {size}, {name}: {whole / 10:.3f} s, of which {part}")


PARTS = {"images": images, "large": large, "step": step, "speech": speech}


def main() -> None:
    """Runs the parts that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    torch.set_num_threads(1)
    for name in parser.parse_args().parts or PARTS:
        with TemporaryDirectory() as root:
            folder = Path(root)
            if name in ("images", "step"):
                photographs(folder)
            PARTS[name](folder)


if __name__ == "__main__":
    main()
