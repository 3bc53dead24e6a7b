"""The verb export: a run's checkpoint as a folder for others, and on the hub."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import FolderArgument, choose_accelerator
from zoo.errors import ConfigError, Fault

OutArgument = Annotated[Path | None, typer.Argument(metavar="[OUT]", help="Default: RUN/model.")]
TrustedOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
]
AverageOption = Annotated[
    int | None, typer.Option("--average", metavar="N", help="The mean of the newest N.")
]
PushOption = Annotated[
    str, typer.Option("--push", metavar="NAME", help="Upload to the hub, into a private NAME.")
]
PublicOption = Annotated[bool, typer.Option("--public", help="With --push: for all to see.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="With --push: only show what would be uploaded.")
]
TwinTooOption = Annotated[
    bool, typer.Option("--twin-too", help="With --push: a toy, the twin of a recipe, too.")
]


def export_run(
    folder: FolderArgument,
    out: OutArgument = None,
    trusted: TrustedOption = False,
    average: AverageOption = None,
    push: PushOption = "",
    public: PublicOption = False,
    dry_run: DryRunOption = False,
    twin_too: TwinTooOption = False,
) -> None:
    """Write a run's checkpoint, or a mean of several, as a folder that plain transformers loads.

    FOLDER may be an exported one where it only goes on, to the hub. The hub's token is
    that of `hf auth login` or HF_TOKEN.
    """
    alone = {"--public": public, "--dry-run": dry_run, "--twin-too": twin_too}
    if not push and any(alone.values()):
        given = ", ".join(name for name, one in alone.items() if one)
        raise ConfigError([Fault("command line", given, "no --push", "--push NAME beside it")])
    choose_accelerator()
    from zoo.publishing.hub import Push, pushed, refused
    from zoo.training.evaluate import export_folder, is_exported

    wanted = Push(push, public, twin_too, dry_run)
    if push:
        refused(wanted, folder)
    if is_exported(folder) and out is None and average is None and push:
        model = folder
    else:
        model = export_folder(folder, out, trusted, average)
        print(f"the model lies in {model}")
    if push:
        for line in pushed(wanted, model):
            print(line)
