"""Verbs about processes and links: launch, advise."""

import os
from typing import Annotated

import typer

from zoo.cli.words import (
    ChangesArgument,
    JsonOption,
    RecipeArgument,
    TinyOption,
    choose_accelerator,
)
from zoo.errors import ConfigError
from zoo.launching.commands import LAUNCHERS, command, quoted
from zoo.launching.faults import launch_faults
from zoo.launching.run import launch as start
from zoo.launching.run import launch_environment
from zoo.recipe import load_recipe
from zoo.recipe.derived.run_folder import run_folder
from zoo.telling.page import print_page

LauncherOption = Annotated[
    str, typer.Option("--with", metavar="LAUNCHER", help=f"One of {', '.join(LAUNCHERS)}.")
]


def advise(
    recipe: RecipeArgument,
    bandwidth: Annotated[
        str, typer.Option("--bandwidth", metavar="RATE", help="Of a node's link: 1Gbit/s.")
    ],
    nodes: Annotated[int, typer.Option(help="How many machines.")],
    changes: ChangesArgument = None,
    per_node: Annotated[int, typer.Option("--per-node", help="Processes on each.")] = 1,
    tiny: TinyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Predict a step's time under each way of sending less, from a short calibration here."""
    from zoo.planning.ways import question

    asked = question(recipe, changes or (), tiny, bandwidth, nodes, per_node)
    choose_accelerator()
    from zoo.planning.advice import advice_page
    from zoo.planning.calibrate import calibrate

    print_page(advice_page(asked, calibrate(asked)), as_json)


def launch(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    how: LauncherOption = "torchrun",
    nodes: Annotated[int, typer.Option(help="How many machines.")] = 1,
    per_node: Annotated[int, typer.Option("--per-node", help="Processes on each.")] = 1,
    hostfile: Annotated[str | None, typer.Option(help="DeepSpeed's hostfile.")] = None,
    tiny: TinyOption = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start the run over.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command only.")] = False,
) -> None:
    """Print or run the exact command that starts a recipe under a launcher."""
    loaded = load_recipe(recipe, changes or (), tiny)
    faults = launch_faults(how, nodes, per_node, hostfile, os.environ)
    if faults:
        raise ConfigError(faults)
    environment = launch_environment(os.environ, per_node)
    options = ["--fresh"] if fresh else []
    argv = command(
        recipe, how, nodes, per_node, hostfile, tiny, changes or (),
        options=options, environment=environment,
    )  # fmt: skip
    if dry_run:
        print(quoted(argv))
        return
    status = run_folder(loaded) / "status.json"
    raise typer.Exit(start(argv, status, environment))
