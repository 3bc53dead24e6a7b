"""The arguments and options that verbs share, and how a device is chosen before deepspeed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe
from zoo.recipe.compose.catalog import recipes_by_name
from zoo.telling.phases import phase

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A run's folder, or an exported one.")
]


def named(begin: str) -> list[str]:
    """Recipes, yours first, whose names begin so, for a shell's completion."""
    return [name for name in recipes_by_name() if name.startswith(begin)]


RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe's file, or its name in the catalog.",
        autocompletion=named,
    ),
]
ChangesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[section.key=value ...]", help="Changes, left to right."),
]
TinyOption = Annotated[bool, typer.Option("--tiny", help="The twin that runs on a CPU.")]
FreshOption = Annotated[
    bool, typer.Option("--fresh", help="Start over; the old folder is renamed, never lost.")
]
FromStepOption = Annotated[
    int | None,
    typer.Option("--from-step", min=1, help="Go back to this checkpoint; newer ones are kept."),
]
AcceptDataOption = Annotated[
    bool, typer.Option("--accept-data", help="Go on though rows, labels or tokenizer changed.")
]
AcceptBaseOption = Annotated[
    bool, typer.Option("--accept-base", help="Take an adapter though its base changed since.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
WorldOption = Annotated[
    int | None,
    typer.Option("--world-size", min=1, help="How many processes; else the fewest it takes."),
]


def start_options(
    fresh: bool, from_step: int | None, accept_data: bool, accept_base: bool
) -> list[str]:
    """How `zoo train` is told what to do where a run's folder is there already.

    Raises ConfigError where two of them say the contrary.
    """
    if fresh and from_step is not None:
        allowed = "one of the two: start over, or go back"
        fault = Fault("command line", "--from-step", "beside --fresh", allowed, "--fresh")
        raise ConfigError([fault])
    back = [] if from_step is None else ["--from-step", str(from_step)]
    said = {"--fresh": fresh, "--accept-data": accept_data, "--accept-base": accept_base}
    return [*back, *(word for word, one in said.items() if one)]


@contextmanager
def of_world_size(recipe: Recipe, world_size: int | None) -> Iterator[None]:
    """Proposes the next number of processes where stages and tensor ranks do not divide
    `--world-size`.
    """
    taken = recipe.parallel.pipeline.stages * recipe.parallel.tensor
    way = f"--world-size {-(-(world_size or 1) // taken) * taken}"
    try:
        yield
    except ConfigError as error:
        faults = [
            replace(one, nearest=way) if one.file == "launcher" and one.key == "parallel" else one
            for one in error.faults
        ]
        raise ConfigError(faults) from None


def choose_accelerator() -> None:
    """Settles the device before deepspeed is imported."""
    phase("loading libraries")
    from zoo.layout import Place
    from zoo.training import world

    world.choose_accelerator(Place.from_environment())
