"""The page of measured tables: `tests/benchmarks/README.md`, put together from `results/`.

`python -m tests.benchmarks.page` writes it anew; `--run NAME ...` first runs the commands that
stand in `results/NAME.md`, each for as long as it takes, and keeps what they print: their tables,
or where there is none all of it.

A result begins with lines `key: value` (title, command, machine, measured), then text, then from
its mark on what the command printed.
"""

import argparse
import datetime
import os
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results", HERE / "README.md"
MARK = "<!-- printed -->"
ORDER = (
    "walk",
    "parity",
    "dropout",
    "bf16",
    "compression",
    "convergence-text",
    "convergence-digits",
    "prepare",
    "listing",
    "input",
)
INTRO = """# What was measured

Each table stands with the command that prints it and the machine and month of its last run.
`python -m tests.benchmarks.page` puts the page together; with `--run NAME` it measures one anew
(names: the files of `tests/benchmarks/results/`). Truths that a test holds are at the end.
"""


@dataclass(frozen=True)
class Result:
    """One file of `results/`."""

    title: str
    command: str
    machine: str
    measured: str
    text: str
    printed: str

    def section(self) -> str:
        """Its part of the page."""
        source = f"`{self.command}` · {self.machine} · {self.measured}"
        return "\n\n".join(part for part in (f"## {self.title}", source, self.text, self.printed))


def read(path: Path) -> Result:
    """A result as it lies there."""
    head, rest = path.read_text(encoding="utf-8").split("\n\n", 1)
    values = dict(line.split(": ", 1) for line in head.splitlines())
    text, printed = rest.split(MARK)
    return Result(**values, text=text.strip(), printed=printed.strip())


def write(path: Path, result: Result) -> None:
    """Its inverse."""
    names = ("title", "command", "machine", "measured")
    head = "\n".join(f"{name}: {getattr(result, name)}" for name in names)
    path.write_text(f"{head}\n\n{result.text}\n\n{MARK}\n\n{result.printed}\n", encoding="utf-8")


def machine() -> str:
    """This machine in words."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    gpus = torch.cuda.device_count()
    device = f"{gpus} {torch.cuda.get_device_name()}" if gpus else "no GPU"
    return f"{os.cpu_count()} cores of {model}, {device}, torch {torch.__version__}"


def measured(result: Result) -> Result:
    """The result with what its command prints now; raises CalledProcessError where it fails."""
    _, *words = shlex.split(result.command)
    run = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, check=True)
    table = [line for line in run.stdout.splitlines() if line.startswith("|")]
    printed = "\n".join(table) or f"```text\n{run.stdout.strip()}\n```"
    month = f"{datetime.datetime.now():%Y-%m}, Python {platform.python_version()}"
    return replace(result, machine=machine(), measured=month, printed=printed)


def page() -> str:
    """The page as it has to be."""
    sections = [read(RESULTS / f"{name}.md").section() for name in ORDER]
    proved = (RESULTS / "proved.md").read_text(encoding="utf-8").strip()
    return "\n\n".join([INTRO.strip(), *sections, proved]) + "\n"


def main() -> None:
    """Measures what is asked for and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs="*", choices=ORDER, default=[], metavar="NAME")
    for name in parser.parse_args().run:
        write(RESULTS / f"{name}.md", measured(read(RESULTS / f"{name}.md")))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
