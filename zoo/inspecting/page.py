"""What was found of a recipe's data: tables on a terminal, and a page that opens offline."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from zoo.data.filtering.told import said_of_filters
from zoo.inspecting.inspect import Inspected
from zoo.telling.page import Page, Table
from zoo.training.disk.writing import write_text

MOST_CLASSES = 30  # in a table; the page has all
BARS = " ▁▂▃▄▅▆▇█"


def terminal_page(found: Inspected) -> Page:
    """The numbers as tables and lines."""
    sets = found.facts["sets"]
    tables = [lengths_table(sets)]
    if any("classes" in one for one in sets.values()):
        tables.append(classes_table(sets, MOST_CLASSES))
    return Page(tables, lines(found), found.content())


def lengths_table(sets: dict[str, Any]) -> Table:
    """A row a set: how many examples, how long in all and each, and how lengths are spread."""
    heads = ["set", "examples", "unreadable", "in all", "shortest", "median", "longest", "lengths"]
    return heads, [[name, *_lengths(one)] for name, one in sets.items()]


def _lengths(one: dict[str, Any]) -> list[str]:
    bars = one.get("histogram", {}).get("counts", [])
    each = [f"{one[key]:.4g}" if key in one else "" for key in ("shortest", "median", "longest")]
    return [f"{one['examples']:,}", str(one["unreadable"]), total(one), *each, sparkline(bars)]


def total(one: dict[str, Any]) -> str:
    """The sum of lengths in the unit that people count in."""
    if "unit" not in one:
        return ""
    if one["unit"] == "seconds":
        return f"{one['total'] / 3600:.4g} h"
    return f"{one['total']:,.0f} {one['unit']}"


def sparkline(counts: list[int]) -> str:
    """Counts as bars of a line of text; what is there at all has a bar."""
    most = max(counts, default=0)
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in counts)


def classes_table(sets: dict[str, Any], most: int) -> Table:
    """A row a class, the commonest of train first: how often each set has it."""
    with_classes = {name: one["classes"] for name, one in sets.items() if "classes" in one}
    first = next(iter(with_classes.values()))
    names = sorted(first, key=lambda name: -first[name])
    rows = [[name, *(f"{one.get(name, 0):,}" for one in with_classes.values())] for name in names]
    left = len(rows) - most
    cut = [[f"... {left} more", *("" for _ in with_classes)]] if left > 0 else []
    return ["class", *with_classes], rows[:most] + cut


def lines(found: Inspected) -> list[str]:
    """What is said beside the tables."""
    facts = found.facts
    said = [f"{facts['steps_per_epoch']:,} steps an epoch"]
    if facts["padding_share"] is not None:
        said.append(f"{facts['padding_share']:.1%} of the positions in a micro-batch are padding")
    said += [f"{count:,} train rows left out: {why}" for why, count in facts["left_out"].items()]
    said += said_of_filters(facts["filtered"])
    for name, one in facts["in_train_too"].items():
        said.append(
            f"{one['copies']:,} of {one['of']:,} examples of {name} stand in train too"
            f" ({one['among']:,} of its rows were compared)"
        )
    return said + [line for name, one in facts["sets"].items() for line in _of_labels(name, one)]


def _of_labels(name: str, one: dict[str, Any]) -> list[str]:
    """How many rows were asked for their labels, and between which numbers those lie."""
    said = []
    if one.get("looked_at", one["examples"]) < one["examples"]:
        said.append(f"labels of {name} are those of {one['looked_at']:,} rows, evenly spread")
    if "numbers" in one:
        least, mean, most = (f"{one['numbers'][key]:.4g}" for key in ("least", "mean", "most"))
        said.append(f"labels of {name} go from {least} to {most}, {mean} on average")
    return said


def write_page(found: Inspected, path: Path) -> None:
    """Writes the page, which needs no network and no other file; raises OSError."""
    environment = Environment(
        loader=PackageLoader("zoo.inspecting", "."), autoescape=True, undefined=StrictUndefined
    )
    sets = found.facts["sets"]
    tables = [lengths_table(sets)]
    if any("classes" in one for one in sets.values()):
        tables.append(classes_table(sets, len(sets["train"].get("classes", ()))))
    text = environment.get_template("page.html").render(
        name=found.name, tables=tables, lines=lines(found), sets=sets, examples=found.examples
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
