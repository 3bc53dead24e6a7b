"""The verb export: a run's checkpoint as a folder for others, as ONNX, on the hub."""

import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.words import AcceptBaseOption, FolderArgument, choose_accelerator
from zoo.errors import ConfigError, Fault, collected
from zoo.recipe.compose.nearby import no_run, of_a_run


class Format(StrEnum):
    """What `--to` writes beside the folder of transformers."""

    onnx = "onnx"


OutArgument = Annotated[Path | None, typer.Argument(metavar="[OUT]", help="Default: RUN/model.")]
TrustedOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
]
AverageOption = Annotated[
    int | None, typer.Option("--average", metavar="N", help="The mean of the newest N.")
]
MergedOption = Annotated[
    bool, typer.Option("--merged", help="Add an adapter into its base: a plain model.")
]
ToOption = Annotated[
    Format | None, typer.Option("--to", help="Also onnx/model.onnx, checked by onnxruntime.")
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
    merged: MergedOption = False,
    to: ToOption = None,
    push: PushOption = "",
    public: PublicOption = False,
    dry_run: DryRunOption = False,
    twin_too: TwinTooOption = False,
    accept_base: AcceptBaseOption = False,
) -> None:
    """Write a run's checkpoint, or a mean of several, as a folder that plain transformers loads.

    FOLDER may be an exported one where it only goes on, to the hub or as ONNX. The hub's token is
    that of `hf auth login` or HF_TOKEN.
    """
    alone = {"--public": public, "--dry-run": dry_run, "--twin-too": twin_too}
    refuse_words(folder, push, [name for name, one in alone.items() if one])
    choose_accelerator()
    from zoo.publishing.hub import Push, pushed, refused
    from zoo.publishing.onnx_file import refused_onnx, to_onnx
    from zoo.training.evaluate import export_folder, is_exported

    wanted = Push(push, public, twin_too, dry_run)
    refuse(
        *([lambda: refused(wanted, folder)] if push else []),
        *([lambda: refused_onnx(folder, trusted)] if to else []),
    )
    if is_exported(folder) and out is None and average is None and not merged and (push or to):
        model = folder
    else:
        model = export_folder(folder, out, trusted, average, accept_base, merged)
        print(f"the model lies in {model}")
    if to:
        path, apart = to_onnx(model, trusted, accept_base)
        print(f"ONNX lies in {path}, at most {apart:.1g} off torch")
    if push:
        for line in pushed(wanted, model):
            print(line)


def refuse_words(folder: Path, push: str, given: list[str]) -> None:
    """Raises ConfigError where nothing lies in the folder, or options of `--push` stand alone."""
    faults = [] if of_a_run(folder) else [no_run(folder)]
    if given and not push:
        way = shlex.join(("--push", folder.absolute().name, *given))
        allowed = "--push NAME beside it"
        faults.append(Fault("command line", ", ".join(given), "no --push", allowed, way))
    if faults:
        raise ConfigError(faults)


def refuse(*checks: Callable[[], None]) -> None:
    """Raises ConfigError with what all of them refuse."""
    faults: list[Fault] = []
    for check in checks:
        with collected(faults):
            check()
    if faults:
        raise ConfigError(faults)
