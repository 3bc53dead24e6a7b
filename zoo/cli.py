"""The command line: verbs only; every user error leaves through one door, with exit code 2."""

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.errors import ConfigError, ResumeError

if TYPE_CHECKING:
    from zoo.recipe.compat_show import Page

app = typer.Typer(
    name="zoo",
    help="Train Hugging Face models from JSON recipes, on any layout.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Split(StrEnum):
    """What `zoo eval` scores."""

    valid = "valid"
    test = "test"


class Launcher(StrEnum):
    """What `zoo launch` starts processes with."""

    accelerate = "accelerate"
    deepspeed = "deepspeed"
    torchrun = "torchrun"
    slurm = "slurm"


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
WorldOption = Annotated[
    int | None,
    typer.Option("--world-size", min=1, help="How many processes; else the fewest it takes."),
]


@app.callback()
def root(
    local_rank: Annotated[int, typer.Option("--local_rank", "--local-rank", hidden=True)] = 0,
) -> None:
    """Train Hugging Face models from JSON recipes, on any layout."""
    del local_rank  # the deepspeed launcher puts it before the verb; LOCAL_RANK says the same


@app.command("list")
def list_recipes(
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown.")] = False,
) -> None:
    """Show the catalog: task, model, parameters, data, layout and optimizer of each recipe."""
    from zoo.recipe import show

    rows, faults = show.catalog_rows(changes or (), tiny)
    if markdown:
        print(show.markdown(show.HEADS, rows))
    else:
        _table(show.HEADS, rows)
    if faults:
        raise ConfigError(faults)


@app.command("show")
def show_recipe(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    deepspeed: Annotated[
        bool, typer.Option("--deepspeed", help="The DeepSpeed JSON; optimizer groups on stderr.")
    ] = False,
    world_size: WorldOption = None,
) -> None:
    """Print the resolved recipe as JSON, or the DeepSpeed JSON that would be used."""
    from zoo.recipe import show
    from zoo.recipe.deepspeed import deepspeed_config, layout_of
    from zoo.recipe.load import expanded, load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    if deepspeed:
        print(json.dumps(deepspeed_config(loaded, layout_of(loaded, world_size)), indent=2))
        _table(*show.group_rows(loaded), to_stderr=True)
        print(show.schedule_line(loaded), file=sys.stderr)
    else:
        print(json.dumps(expanded(loaded), indent=2))
    for note in show.notes(loaded):
        print(f"note: {note}", file=sys.stderr)


@app.command()
def check(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Open the data and the model's config as well.")
    ] = False,
    world_size: WorldOption = None,
) -> None:
    """Say every fault of a recipe at once; exit code 2 if there is one."""
    from zoo.recipe.load import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    if deep:
        from zoo.recipe.deepspeed import layout_of
        from zoo.training.checks import ring_two

        ring_two(loaded, layout_of(loaded, world_size).world)
    print(f"{loaded.name}: no faults")


@app.command()
def explain(
    recipe: RecipeArgument,
    key: Annotated[str, typer.Argument(metavar="section.key", help="A key, or a section.")],
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
) -> None:
    """Say a key's value and the file or command-line word it came from."""
    from zoo.recipe.load import load_recipe
    from zoo.recipe.show import explained

    print("\n".join(explained(load_recipe(recipe, changes or (), tiny), key)))


@app.command()
def compat(
    recipe: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="Absent: what every family can do.")
    ] = None,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show which layouts, precisions and optimizers go with a recipe, and why others do not."""
    from zoo.recipe.compat import matrix
    from zoo.recipe.compat_families import families_page
    from zoo.recipe.compat_show import matrix_page

    page = matrix_page(matrix(recipe, changes or (), tiny)) if recipe else families_page()
    _show(page, as_json)


@app.command()
def advise(
    recipe: RecipeArgument,
    bandwidth: Annotated[
        str, typer.Option("--bandwidth", metavar="RATE", help="Of a node's link: 1Gbit/s.")
    ],
    nodes: Annotated[int, typer.Option(help="How many machines.")],
    changes: ChangesArgument = None,
    per_node: Annotated[int, typer.Option("--per-node", help="Processes on each.")] = 1,
    tiny: TinyOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Predict a step's time under each way of sending less, from a short calibration here."""
    from zoo.planning.ways import question

    asked = question(recipe, changes or (), tiny, bandwidth, nodes, per_node)
    _choose_accelerator()
    from zoo.planning.advice import advice_page
    from zoo.planning.calibrate import calibrate

    _show(advice_page(asked, calibrate(asked)), as_json)


@app.command()
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
    from zoo.recipe.load import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    _choose_accelerator()
    from zoo.training.run import run

    raise typer.Exit(run(loaded, fresh))


@app.command()
def prepare(
    recipe: RecipeArgument, changes: ChangesArgument = None, tiny: TinyOption = False
) -> None:
    """Open, tokenize and pack a recipe's data ahead of training, into the cache."""
    from zoo.recipe.load import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    _choose_accelerator()
    from zoo.recipe.deepspeed import layout_of
    from zoo.training.checks import ring_two
    from zoo.training.run import prepare as prepared

    ready = prepared(loaded, ring_two(loaded, layout_of(loaded).world))
    sets = {"train": ready.train} | ready.valid
    print(", ".join(f"{name}: {len(rows)} examples" for name, rows in sets.items()))
    print(f"{ready.order.steps_per_epoch} steps an epoch, {ready.steps} steps in all")


@app.command("eval")
def evaluate_folder(
    folder: FolderArgument,
    changes: ChangesArgument = None,
    split: Annotated[Split, typer.Option("--split", help="What to score.")] = Split.valid,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Score a run's newest checkpoint or an exported folder."""
    _choose_accelerator()
    from zoo.layout import Place
    from zoo.training.evaluate import evaluate

    scores = evaluate(folder, split.value, changes or ())
    if Place.from_environment().rank == 0:
        lines = [f"{key} {value:.6g}" for key, value in scores.items()]
        print(json.dumps(scores) if as_json else "\n".join(lines))


@app.command("export")
def export_run(
    folder: FolderArgument,
    out: Annotated[Path | None, typer.Argument(metavar="[OUT]", help="Default: RUN/model.")] = None,
) -> None:
    """Write a run's checkpoint as a folder that plain transformers loads."""
    _choose_accelerator()
    from zoo.training.evaluate import export_folder

    print(f"the model lies in {export_folder(folder, out)}")


@app.command()
def launch(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    how: Annotated[Launcher, typer.Option("--with", help="Which launcher.")] = Launcher.torchrun,
    nodes: Annotated[int, typer.Option(help="How many machines.")] = 1,
    per_node: Annotated[int, typer.Option("--per-node", help="Processes on each.")] = 1,
    hostfile: Annotated[str | None, typer.Option(help="DeepSpeed's hostfile.")] = None,
    tiny: TinyOption = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start the run over.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command only.")] = False,
) -> None:
    """Print or run the exact command that starts a recipe under a launcher."""
    from zoo.launching import commands
    from zoo.launching.hosts import launch_faults
    from zoo.launching.run import launch as start
    from zoo.launching.run import launch_environment
    from zoo.recipe.load import load_recipe

    loaded = load_recipe(recipe, changes or (), tiny)
    faults = launch_faults(how.value, nodes, per_node, hostfile, os.environ)
    if faults:
        raise ConfigError(faults)
    environment = launch_environment(os.environ, per_node)
    options = ["--fresh"] if fresh else []
    argv = commands.command(
        recipe, how.value, nodes, per_node, hostfile, tiny, changes or (),
        options=options, environment=environment,
    )  # fmt: skip
    if dry_run:
        print(commands.quoted(argv))
        return
    status = Path(loaded.run.folder or f"runs/{loaded.name}").expanduser() / "status.json"
    raise typer.Exit(start(argv, status, environment))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a recipe file, for editors."""
    from zoo.recipe.schema import file_schema

    print(json.dumps(file_schema(), indent=1))


def _choose_accelerator() -> None:
    """Settles the device before deepspeed is imported."""
    from zoo.layout import Place
    from zoo.training.world import choose_accelerator

    choose_accelerator(Place.from_environment())


def _show(page: "Page", as_json: bool) -> None:
    if as_json:
        print(json.dumps(page.content, indent=2))
        return
    for heads, rows in page.tables:
        _table(heads, rows)
        print()
    print("\n".join(page.lines))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], to_stderr: bool = False) -> None:
    from rich.console import Console
    from rich.table import Table

    # A pipe has no width: nothing is folded there, so that `zoo list | grep` works.
    stream = sys.stderr if to_stderr else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 400)
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Run the command line; faults go to stderr one a line, without a traceback."""
    try:
        app()
    except (ConfigError, ResumeError) as error:
        if os.environ.get("RANK", "0") == "0":  # the others found the same
            print(error, file=sys.stderr)
        sys.exit(2)
