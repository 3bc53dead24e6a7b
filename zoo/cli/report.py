"""The verb that shows runs: report."""

import time
from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import ConfigError, Fault


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; else RUN/report.html."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Renew it until all runs have ended.")
    ] = False,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between renewals.")] = 10,
) -> None:
    """Show a run as a page that opens offline, or several side by side.

    Curves with their events, scores, examples of answers, the recipe and where its values come
    from, data, time, layout, environment, and how to make it again. A run writes its own page when
    it ends: report.html in its folder.
    """
    from zoo.reporting.facts import lives
    from zoo.reporting.page import COMPARED, REPORT, write_report
    from zoo.reporting.reading import read_runs

    while True:
        found = read_runs(runs)
        path = out or (Path(COMPARED) if len(found) > 1 else runs[0] / REPORT)
        going = watch and any(map(lives, found))
        try:
            write_report(found, path, every if going else 0)
        except OSError as error:
            unfit = Fault("command line", "--out", f"{path} ({error.strerror})", "a file to write")
            raise ConfigError([unfit]) from None
        if not going:
            break
        time.sleep(every)
    print(f"the report lies in {path}")
