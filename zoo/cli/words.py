"""The arguments and options that verbs share, and how a device is chosen before deepspeed."""

from pathlib import Path
from typing import Annotated

import typer

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A run's folder, or an exported one.")
]
RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe's file, or its name in the catalog.")
]
ChangesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[section.key=value ...]", help="Changes, left to right."),
]
TinyOption = Annotated[bool, typer.Option("--tiny", help="The twin that runs on a CPU.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
WorldOption = Annotated[
    int | None,
    typer.Option("--world-size", min=1, help="How many processes; else the fewest it takes."),
]


def choose_accelerator() -> None:
    """Settles the device before deepspeed is imported."""
    from zoo.layout import Place
    from zoo.training import world

    world.choose_accelerator(Place.from_environment())
