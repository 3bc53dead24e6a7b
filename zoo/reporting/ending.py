"""The report that a run writes of itself when it ends; that it cannot be written fails no run."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.data.source import Source
from zoo.layout import Place
from zoo.reporting.examples import write_examples
from zoo.reporting.page import REPORT, write_report
from zoo.reporting.reading import read_run


def ask_model(count: int) -> Callable[[Path, Source], None]:
    """What asks a run's exported model about so many rows, and never fails."""

    def ask(root: Path, source: Source) -> None:
        try:
            write_examples(root, source, count)
        except Exception as error:
            print(f"{REPORT} has no examples: {_why(error)}", file=sys.stderr)

    return ask


@contextmanager
def written_at_the_end(root: Path) -> Iterator[None]:
    """Writes the report of the run of this process, on rank 0, however what it holds ends.

    With an error in flight one of several processes leaves at once, without.
    """
    place = Place.from_environment()
    try:
        yield
    except Exception:
        if place.world == 1:
            _write(root)
        raise
    if place.rank == 0:
        _write(root)


def _write(root: Path) -> None:
    try:
        run = read_run(root)
        if run.status.get("pid") == os.getpid():
            write_report([run], root / REPORT)
    except Exception as error:
        print(f"{REPORT} was not written: {_why(error)}", file=sys.stderr)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
