"""Verbs about processes and links: launch, advise."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import (
    AcceptBaseOption,
    AcceptDataOption,
    ChangesArgument,
    FreshOption,
    FromStepOption,
    JsonOption,
    RecipeArgument,
    TinyOption,
    choose_accelerator,
    start_options,
)
from zoo.errors import ConfigError, Fault, collected
from zoo.launching.commands import LAUNCHERS, command, quoted
from zoo.launching.faults import launch_faults
from zoo.launching.processes import Asked, Processes
from zoo.launching.run import launch as start
from zoo.launching.run import launch_environment
from zoo.launching.settle import settled
from zoo.launching.shell import arrived
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.derived.batching import batching, layout_of
from zoo.recipe.derived.run_folder import run_folder
from zoo.telling.page import print_page
from zoo.training.disk.lease import refuse_if_held


class Verb(StrEnum):
    """What the processes of a launch do."""

    train = "train"
    prepare = "prepare"


VerbOption = Annotated[
    Verb, typer.Option("--verb", help="Train, or share out the preparation of the data.")
]
LauncherOption = Annotated[
    str, typer.Option("--with", metavar="LAUNCHER", help=f"One of {', '.join(LAUNCHERS)}.")
]

NodesOption = Annotated[
    int | None, typer.Option("--nodes", help="How many machines; else those of the hostfile.")
]
PerNodeOption = Annotated[
    int | None, typer.Option("--per-node", help="Processes on each; else the hostfile's slots.")
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", help="Where processes meet; else a free one, on one machine."),
]
GpusOption = Annotated[
    int | None, typer.Option("--gpus-per-node", help="What Slurm gives; else one a process.")
]
SbatchOption = Annotated[
    list[str] | None,
    typer.Option("--sbatch", metavar="WORD", help="An option for sbatch; as often as needed."),
]
DeepOption = Annotated[
    bool | None,
    typer.Option("--deep/--no-deep", help="Open data and model first; else if others will start."),
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
    nodes: NodesOption = None,
    per_node: PerNodeOption = None,
    hostfile: Annotated[str | None, typer.Option(help="DeepSpeed's: lines `host slots=8`.")] = None,
    port: PortOption = None,
    gpus_per_node: GpusOption = None,
    sbatch: SbatchOption = None,
    tiny: TinyOption = False,
    fresh: FreshOption = False,
    from_step: FromStepOption = None,
    accept_data: AcceptDataOption = False,
    accept_base: AcceptBaseOption = False,
    deep: DeepOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command only.")] = False,
    verb: VerbOption = Verb.train,
) -> None:
    """Print or run the exact command that starts a recipe under a launcher."""
    asked = Asked(how, nodes, per_node, hostfile, port, gpus_per_node, tuple(sbatch or ()))
    loaded = load_recipe(recipe, changes or (), tiny)
    processes = checked(asked, loaded)
    environment = launch_environment(os.environ, processes.per_node)
    options = start_options(fresh, from_step, accept_data, accept_base)
    if verb is Verb.prepare and how == "deepspeed" and not processes.here:
        allowed = "torchrun, slurm or accelerate, to prepare on several machines"
        raise ConfigError([Fault("command line", "--with", how, allowed)])
    argv = command(recipe, how, processes, tiny, changes or (), options, verb.value)
    if dry_run:
        print(quoted(argv))
        return
    if verb is Verb.prepare:  # no run, and so no folder that somebody could hold
        raise typer.Exit(start(argv, Path(os.devnull), environment))
    # Launchers make 1 of the processes' own 2. On other machines the head's run may hold it by now,
    # and what is submitted may have to wait for a run.
    if processes.rank == 0 or LAUNCHERS[how].starts_all:
        refuse_if_held(run_folder(loaded))
    if deep or (deep is None and not processes.here):  # here the processes say it as soon
        from zoo.training.checks import ring_two

        device = "cpu" if processes.cpu else "cuda"
        ring_two(loaded, processes.world, device, any_base=accept_base)
    needs = () if processes.here else LAUNCHERS[how].needs
    raise typer.Exit(start(argv, run_folder(loaded) / "status.json", environment, needs))


def checked(asked: Asked, recipe: Recipe) -> Processes:
    """The processes that were asked for; a ConfigError with all that is wrong with them, and with
    how the recipe would lie on so many.
    """
    faults = launch_faults(asked, os.environ)
    processes = settled(asked, os.environ)
    if processes.world > 0:
        with collected(faults):
            batching(recipe, layout_of(recipe, processes.world))
    if faults:
        raise ConfigError(faults)
    return processes


def train_encoded(
    context: typer.Context,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="As `zoo launch` sends them.")],
) -> None:
    """Train with words that came through a shell."""
    verbs = context.find_root().command
    raise typer.Exit(verbs.main(["train", *arrived(words)], "zoo", standalone_mode=False) or 0)
