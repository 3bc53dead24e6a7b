"""Verbs about runs: train, prepare, eval, export."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import (
    ChangesArgument,
    FolderArgument,
    JsonOption,
    RecipeArgument,
    TinyOption,
    choose_accelerator,
)


class Split(StrEnum):
    """What `zoo eval` scores."""

    valid = "valid"
    test = "test"


def train(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over; the old folder is renamed, never lost.")
    ] = False,
) -> None:
    """Train, or go on where the run's folder stopped; evaluate, save and export.

    Under a launcher every process calls this. Exit codes: 0 done, 2 refused, 3 a loss that is not
    finite, 128 + signal after a graceful stop.
    """
    from zoo.recipe import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    choose_accelerator()
    from zoo.training.run import run

    raise typer.Exit(run(loaded, fresh))


def prepare(
    recipe: RecipeArgument, changes: ChangesArgument = None, tiny: TinyOption = False
) -> None:
    """Open, tokenize and pack a recipe's data ahead of training, into the cache."""
    from zoo.recipe import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    choose_accelerator()
    from zoo.recipe.derived.batching import layout_of
    from zoo.training.checks import ring_two
    from zoo.training.run import prepare as prepared

    ready = prepared(loaded, ring_two(loaded, layout_of(loaded).world))
    sets = {"train": ready.train} | ready.valid
    print(", ".join(f"{name}: {len(rows)} examples" for name, rows in sets.items()))
    print(f"{ready.order.steps_per_epoch} steps an epoch, {ready.steps} steps in all")


def evaluate_folder(
    folder: FolderArgument,
    changes: ChangesArgument = None,
    split: Annotated[Split, typer.Option("--split", help="What to score.")] = Split.valid,
    as_json: JsonOption = False,
) -> None:
    """Score a run's newest checkpoint or an exported folder."""
    choose_accelerator()
    from zoo.layout import Place
    from zoo.training.evaluate import evaluate

    scores = evaluate(folder, split.value, changes or ())
    if Place.from_environment().rank == 0:
        lines = [f"{key} {value:.6g}" for key, value in scores.items()]
        print(json.dumps(scores) if as_json else "\n".join(lines))


def export_run(
    folder: FolderArgument,
    out: Annotated[Path | None, typer.Argument(metavar="[OUT]", help="Default: RUN/model.")] = None,
) -> None:
    """Write a run's checkpoint as a folder that plain transformers loads."""
    choose_accelerator()
    from zoo.training.evaluate import export_folder

    print(f"the model lies in {export_folder(folder, out)}")
