"""The verb about many runs of one recipe: sweep."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import runs
from zoo.cli.launch import GpusOption, LauncherOption, NodesOption, PerNodeOption, SbatchOption
from zoo.cli.launch import checked as checked_processes
from zoo.cli.words import ChangesArgument, JsonOption, RecipeArgument, TinyOption
from zoo.errors import ConfigError, Fault
from zoo.launching.commands import LAUNCHERS, command, quoted
from zoo.launching.processes import Asked, Processes
from zoo.launching.run import launch, launch_environment
from zoo.recipe import Recipe
from zoo.sweeping.array import array_word, number_of_task
from zoo.sweeping.plan import Member, Sweep, checked, planned
from zoo.sweeping.standing import Standing, held, standing
from zoo.sweeping.table import results, write
from zoo.telling.page import print_page
from zoo.training.disk.writing import told_in_a_line
from zoo.training.logs.metrics import METRICS

SIGNALLED = 128
"""And the number of a signal."""
REFUSED = 2
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, help="Runs of each setting.")]
AtMostOption = Annotated[
    int | None, typer.Option("--at-most", min=1, help="Settings, drawn where there are more.")
]
SweepFolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Of all runs; else runs/RECIPE-by-KEYS.")
]
AtOnceOption = Annotated[
    int | None, typer.Option("--at-once", min=1, help="Runs of a Slurm array at a time.")
]
TableOption = Annotated[bool, typer.Option("--table", help="Start nothing: how it stands.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Print the commands only.")]
MemberOption = Annotated[bool, typer.Option("--member", hidden=True)]


def sweep(
    recipe: RecipeArgument,
    changes: ChangesArgument = None,
    tiny: TinyOption = False,
    seeds: SeedsOption = 1,
    at_most: AtMostOption = None,
    folder: SweepFolderOption = None,
    how: LauncherOption = "torchrun",
    nodes: NodesOption = None,
    per_node: PerNodeOption = None,
    gpus_per_node: GpusOption = None,
    sbatch: SbatchOption = None,
    at_once: AtOnceOption = None,
    table: TableOption = False,
    as_json: JsonOption = False,
    dry_run: DryOption = False,
    member: MemberOption = False,
) -> None:
    """Train a recipe with every setting of keys that have lists, and several seeds.

    Tables of means and spreads (sweep.md, sweep.json) and a report come last. Asked again, runs
    that are done are left alone. A key that takes a list itself is given a list of lists.
    """
    asked = planned(recipe, changes or (), tiny, seeds, at_most, folder)
    if member:  # a task of the array
        one = asked.members[number_of_task(os.environ, len(asked.members))]
        runs.train(recipe, list(one.words), tiny)
    recipes = checked(asked)
    if table:
        show(asked, recipes, as_json)
        return
    words = Asked(how, nodes, per_node, None, None, gpus_per_node, tuple(sbatch or ()))
    processes = checked_processes(words, recipes[0])
    left = left_of(asked, recipes)
    if LAUNCHERS[how].names_hosts:
        submit(asked, processes, left, asked_again(asked, seeds, at_most), at_once, dry_run)
        return
    refuse_at_once(at_once)
    if dry_run:
        print("\n".join(quoted(started(asked, one, processes, how)) for one in left))
        return
    code = run_all(asked, recipes, left, processes, how)
    show(asked, recipes, as_json)
    compare(asked)
    raise typer.Exit(code)


def left_of(asked: Sweep, recipes: Mapping[int, Recipe]) -> list[Member]:
    """The runs that are not over, and that no other process holds."""
    found = stand(asked, recipes).items()
    left = [asked.members[place] for place, one in found if not one.over]
    return [one for one in left if not held(one)]


def asked_again(asked: Sweep, seeds: int, at_most: int | None) -> list[str]:
    """The options by which a task of an array plans the same sweep."""
    most = ["--at-most", str(at_most)] if at_most else []
    return ["--seeds", str(seeds), "--folder", str(asked.folder), "--member", *most]


def refuse_at_once(at_once: int | None) -> None:
    """Raises ConfigError where runs of an array are counted and there is none."""
    if at_once is not None:
        allowed = "nothing but with --with slurm"
        raise ConfigError([Fault("command line", "--at-once", str(at_once), allowed)])


def submit(
    asked: Sweep, processes: Processes, left: list[Member], again: list[str],
    at_once: int | None, dry_run: bool,
) -> None:  # fmt: skip
    """Gives Slurm the runs that are left as an array, each of which asks `again` which one it is.

    Raises Exit with sbatch's code.
    """
    if not left:
        print("no run is left", file=sys.stderr)
        return
    argv = command(asked.recipe, "slurm", processes, asked.tiny, asked.words, again, "sweep")
    argv.insert(1, array_word([one.number for one in left], at_once))
    if dry_run:
        print(quoted(argv))
        return
    raise typer.Exit(launch(argv, Path(os.devnull)))


def started(asked: Sweep, one: Member, processes: Processes, how: str) -> list[str]:
    """The words that start a run; one process needs no launcher."""
    if processes.world > 1:
        return command(asked.recipe, how, processes, asked.tiny, one.words)
    tiny = ["--tiny"] if asked.tiny else []
    return [sys.executable, "-m", "zoo", "train", asked.recipe, *tiny, *one.words]


def run_all(
    asked: Sweep, recipes: Mapping[int, Recipe], left: list[Member], processes: Processes, how: str
) -> int:
    """Runs one after the other; returns 0, 1 where one has failed, or a signal's code at once.

    Raises ConfigError where two in a row are refused for the same reason: the rest would be.
    """
    environment = launch_environment(os.environ, processes.per_node)
    failed, reason = False, ""
    for place, one in enumerate(left, 1):
        if held(one) or standing(one, recipes[one.number]).over:
            continue  # another sweep has taken it meanwhile
        print(f"run {place} of {len(left)}: {one.folder.name}", flush=True)
        code = launch(started(asked, one, processes, how), one.folder / "status.json", environment)
        after = standing(one, recipes[one.number])
        if code > SIGNALLED:
            return code
        failed |= not after.over
        if code == REFUSED and after.error and after.error == reason:
            break
        reason = after.error if code == REFUSED else ""
        write(asked, results(asked, recipes, stand(asked, recipes)))
    return int(failed)


def stand(asked: Sweep, recipes: Mapping[int, Recipe]) -> dict[int, Standing]:
    """How every run stands, by its number."""
    return {one.number: standing(one, recipes[one.number]) for one in asked.members}


def compare(asked: Sweep) -> None:
    """Writes the report of all runs that have metrics, side by side; what it is of is there."""
    folders = [one.folder for one in asked.members if (one.folder / METRICS).exists()]
    if folders:
        from zoo.reporting.page import write_report
        from zoo.reporting.reading import read_runs

        with told_in_a_line(asked.folder):
            write_report(read_runs(folders), asked.folder / "report.html", 0)
        print(f"the report lies in {asked.folder / 'report.html'}", file=sys.stderr)


def show(asked: Sweep, recipes: Mapping[int, Recipe], as_json: bool) -> None:
    """Writes and prints the tables."""
    page = results(asked, recipes, stand(asked, recipes))
    write(asked, page)
    print_page(page, as_json)
    if not as_json:
        print(asked.folder / "sweep.md")
