"""What a run is about to do, told before its first step: a table on a terminal, else two lines."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.errors import printable
from zoo.layout import Layout
from zoo.recipe import Recipe
from zoo.recipe.compose.catalog import shown
from zoo.recipe.derived.batching import batching
from zoo.training.logs.screen import on_terminal

FOLDER, STOP = "run folder", "to stop"
"""Rows that tell no number: elsewhere they are a line of their own."""


def head_of(
    recipe: Recipe, layout: Layout, facts: Mapping[str, Any], root: Path, step: int
) -> dict[str, str]:
    """The rows by name; `facts` are those of the event of a start, `step` the last one taken."""
    return {
        "device": device_in_words(facts),
        "layout": layout_in_words(facts["processes"], layout),
        "parameters": parameters_in_words(facts["trained"], facts["parameters"]),
        "batch": batch_in_words(recipe, layout),
        "steps": steps_in_words(facts["steps"], facts["steps_per_epoch"], step),
        "data": data_in_words(facts["train"], facts["valid"]),
        FOLDER: shown(root),
        STOP: "Ctrl-C or SIGTERM saves and ends; the same command (without --fresh) goes on",
    }


def device_in_words(facts: Mapping[str, Any]) -> str:
    """The devices, and how many hosts they are on if several."""
    hosts = len(facts["hosts"])
    return ", ".join(facts["devices"]) + (f", on {hosts} hosts" if hosts > 1 else "")


def layout_in_words(processes: int, layout: Layout) -> str:
    """How many processes there are, and what each is."""
    return "1 process" if processes == 1 else f"{processes:,} processes: {layout.describe()}"


def parameters_in_words(trained: int, whole: int) -> str:
    """How many parameters are trained, of all."""
    if trained == whole:
        return f"{whole:,}, all trained"
    return f"{trained:,} trained of {whole:,} ({trained / whole:.2%})"


def batch_in_words(recipe: Recipe, layout: Layout) -> str:
    """How the global batch comes about."""
    cut = batching(recipe, layout)
    ranks = many(layout.data, "data rank", "data ranks")
    accumulated = f"{cut.accumulation} accumulated"
    return f"{cut.micro_batch:,} x {ranks} x {accumulated} = {cut.batch:,} {cut.unit}"


def steps_in_words(steps: int, per_epoch: int, step: int) -> str:
    """How many steps there are, in epochs too, and how many of them are done."""
    done = f"; {step:,} are done" if step else ""
    return f"{steps:,}, {steps / per_epoch:.3g} epochs of {per_epoch:,}{done}"


def data_in_words(train: int, valid: Mapping[str, int]) -> str:
    """The rows of each set, packed or cut as the model gets them."""
    return ", ".join(f"{name} {count:,}" for name, count in {"train": train, **valid}.items())


def many(count: int, one: str, more: str) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else more}"


def tell_head(head: Mapping[str, str]) -> None:
    """Says it on stderr; rank 0 calls it."""
    if not on_terminal():
        for line in in_lines(head):
            print(printable(line), file=sys.stderr, flush=True)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, words in head.items():
        table.add_row(Text(name, style="dim"), Text(printable(words), overflow="fold"))
    Console(stderr=True, highlight=False).print(table)


def in_lines(head: Mapping[str, str]) -> list[str]:
    """The same without a terminal: what is counted, and where it lies."""
    counted = [f"{name} {words}" for name, words in head.items() if name not in (FOLDER, STOP)]
    return [" | ".join(counted), f"{FOLDER} {head[FOLDER]} | {STOP}: {head[STOP]}"]
