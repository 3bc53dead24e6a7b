"""Verbs about runs: train, prepare, eval, export."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from zoo.cli.words import (
    AcceptBaseOption,
    AcceptDataOption,
    ChangesArgument,
    FolderArgument,
    FreshOption,
    FromStepOption,
    JsonOption,
    RecipeArgument,
    TinyOption,
    choose_accelerator,
    start_options,
)


class Split(StrEnum):
    """What `zoo eval` scores."""

    valid = "valid"
    test = "test"


def train(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    fresh: FreshOption = False,
    from_step: FromStepOption = None,
    accept_data: AcceptDataOption = False,
    accept_base: AcceptBaseOption = False,
) -> None:
    """Train, or go on where the run's folder stopped; evaluate, save and export.

    RECIPE may be a run's folder, which goes on where it lies. Under a launcher every process calls
    this. Exit codes: 0 done, 2 refused, 3 a loss that is not finite, 128 + signal after a graceful
    stop.
    """
    from zoo.layout import Place
    from zoo.recipe import load_recipe
    from zoo.recipe.derived.run_folder import run_folder
    from zoo.training.disk.lease import refuse_if_held

    start_options(fresh, from_step, accept_data, accept_base)
    loaded = load_recipe(recipe, changes or (), tiny)
    if Place.from_environment().rank == 0:
        refuse_if_held(run_folder(loaded))  # before seconds of imports, hours of preparation
    choose_accelerator()
    from zoo.reporting.ending import ask_model, written_at_the_end
    from zoo.training.disk.resuming import Start
    from zoo.training.run import run

    with written_at_the_end(run_folder(loaded)):
        start = Start(fresh, from_step, accept_data, accept_base)
        code = run(loaded, start, ask_model(loaded.run.examples))
    raise typer.Exit(code)


def prepare(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="That prepare; else one a core.")
    ] = None,
) -> None:
    """Open, tokenize and pack a recipe's data ahead of training, into the cache.

    A start after a kill goes on. Under a launcher (`zoo launch RECIPE --verb prepare`) processes
    share the work out, in a cache that all of them see.
    """
    from zoo.recipe import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    choose_accelerator()
    from zoo.planning.ahead import prepare_ahead

    for line in prepare_ahead(loaded, processes):
        print(line)


def evaluate_folder(
    folder: FolderArgument,
    changes: ChangesArgument = None,
    split: Annotated[Split, typer.Option("--split", help="What to score.")] = Split.valid,
    as_json: JsonOption = False,
    accept_base: AcceptBaseOption = False,
) -> None:
    """Score a run's newest checkpoint or an exported folder."""
    choose_accelerator()
    from zoo.layout import Place
    from zoo.training.evaluate import evaluate
    from zoo.training.logs.log import finite

    scores = evaluate(folder, split.value, changes or (), accept_base)
    if Place.from_environment().rank == 0:
        lines = [f"{key} {value:.6g}" for key, value in scores.items()]
        print(json.dumps(finite(scores)) if as_json else "\n".join(lines))
