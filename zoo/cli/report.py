"""The verb that shows runs: report."""

import time
from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import ConfigError, Fault

REPORT_DOC = """Show a run as a page that opens offline, or several side by side.

Curves with their events, scores, examples of predictions, the recipe and where
its values come from, data, time, layout, environment, and how to make it again.
A run writes its own page at its end, report.html in its folder.

Examples:

  zoo report runs/bert

  zoo report runs/bert runs/bert.1 --out compared.html

  zoo report runs/bert --watch

  zoo report runs/bert --examples 16
"""


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; else report.html in the first RUN."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Renew it until all runs have ended (or Ctrl-C).")
    ] = False,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between renewals.")] = 10,
    examples: Annotated[
        int | None,
        typer.Option("--examples", min=0, help="Ask the exported model anew about so many rows."),
    ] = None,
) -> None:
    from zoo.cli.words import choose_accelerator

    choose_accelerator()
    from zoo.reporting.examples import write_examples
    from zoo.reporting.facts import lives
    from zoo.reporting.page import REPORT, write_report
    from zoo.reporting.reading import read_runs

    found = read_runs(runs)
    if examples is not None:
        for run in found:
            write_examples(run.root, examples)
        found = read_runs(runs)
    default = REPORT if len(found) == 1 else "compared.html"
    path = out or (runs[0] / default if len(found) == 1 else Path(default))
    going = watch
    while True:
        going = going and any(map(lives, found))
        _write(found, path, every if going else 0)
        if not going:
            break
        time.sleep(every)
        found = read_runs(runs)
    print(f"the report lies in {path}")


report.__doc__ = REPORT_DOC


def _write(found: list, path: Path, renew: int) -> None:  # type: ignore[type-arg]
    from zoo.reporting.page import write_report

    try:
        write_report(found, path, renew)
    except OSError as error:
        unfit = Fault("command line", "--out", f"{path} ({error.strerror})", "a file to write")
        raise ConfigError([unfit]) from None
