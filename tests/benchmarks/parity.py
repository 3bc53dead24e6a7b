"""The parity matrix: every tiny twin of the catalog on every layout against one process.

`python -m tests.benchmarks.parity [RECIPE ...] [--table NAME] [--layouts NAME ...]` prints a
Markdown table; a cell holds the largest relative difference of 20 losses (5 of a detector) and,
behind it in fp32, of the optimizer's moments (largest difference over the largest value of that
moment in the model).
Tables: `plain` (fp32, dropout off), `dropout` (fp32, all dropout and LayerDrop 0.1, in pipelines),
`bf16` (dropout off, eight micro-batches a step). Equal twins stand once.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tests.runs import (
    CATALOG,
    LAYOUTS,
    LIGHT,
    MATCHED,
    SHORT,
    furthest,
    losses,
    train,
    with_dropout,
    without_dropout,
)
from zoo.errors import ConfigError
from zoo.recipe import expanded, load_recipe
from zoo.recipe.derived.exchange import averages_itself
from zoo.training.checks import ring_two
from zoo.training.disk.kept import folders
from zoo.training.reader import Reader

BAR = 1e-4


# At their twins' own rates (2e-3, 4e-3) these amplify another order of additions within ten steps
# (a ReLU at its kink flips a thousandfold); a quarter of the rate does not.
CALM = {
    "resnet": "optimizer.params.lr=5e-4",
    "parakeet_ctc": "optimizer.params.lr=1e-3",
    "segformer": "optimizer.params.lr=1.25e-4",
    "t5": "optimizer.params.lr=7.5e-4",
}


# The same where dropout or bf16 leave more to amplify: two data ranks at ZeRO 0, without a stage or
# a partition, part from one process too at the twins' own rates.
CALMER = {
    ("tinyllama-slimpajama", "dropout"): "optimizer.params.lr=1e-3",
    ("gpt2-small-openwebtext", "bf16"): "optimizer.params.lr=1e-3",
    # Its loss falls from 31 to 4 in five steps at its own rate, and tensor ranks, which round each
    # share of a sum (2e-4 of the first loss), are then 1.6e-3 to 2.5e-3 apart.
    ("wav2vec2-conformer-large-librispeech-finetune", "bf16"): "optimizer.params.lr=2.5e-4",
}


def settings(
    path: Path, micro_batches: int = 4, dropout: Callable[[Path], list[str]] = without_dropout
) -> list[str]:
    """What a twin runs with: so many micro-batches a step, no dropout, no mixup."""
    words = [*SHORT, *dropout(path)]
    if load_recipe(path, tiny=True).task.kind == "object-detection":
        words += [*MATCHED, "run.steps=5"]  # two steps of it make moments' rounding tenfold
    recipe = load_recipe(path, words, tiny=True)
    words.append(f"run.micro_batch={recipe.run.batch // micro_batches}")
    if recipe.task.kind == "image-classification":
        words.append("task.augment.mixup=0.0")
    calm = CALM.get(recipe.model.config["model_type"])
    return [*words, calm] if calm else words


def light(path: Path, micro_batches: int, table: str) -> list[str]:
    """Shorter examples, or fewer cut as often; a calmer rate."""
    words = LIGHT.get(load_recipe(path, tiny=True).task.kind, [])
    batch = load_recipe(path, words, tiny=True).run.batch
    calm = [CALMER[path.stem, table]] if (path.stem, table) in CALMER else []
    return [*words, f"run.micro_batch={batch // micro_batches}", *calm]


def plain(path: Path) -> list[str]:
    """fp32 without dropout."""
    return settings(path)


def dropped(path: Path) -> list[str]:
    """fp32 with all dropout on."""
    return [*settings(path, dropout=with_dropout), *light(path, 4, "dropout")]


def narrow(path: Path) -> list[str]:
    """bf16 without dropout, accumulation 8 on one process."""
    return [*settings(path, 8), *light(path, 8, "bf16"), "run.precision=bf16"]


@dataclass(frozen=True)
class Table:
    """What the twins of a table run with, on which layouts, and how far losses may be apart."""

    words: Callable[[Path], list[str]]
    layouts: tuple[str, ...]
    bar: float
    moments: bool = True
    """Whether moments are held to the bar too: in bf16 each is as coarse as one gradient."""


IN_STAGES = ("pipeline-2", "pipeline-2 x data-2")
TABLES = {
    "plain": Table(plain, tuple(LAYOUTS), BAR),
    "dropout": Table(dropped, IN_STAGES, BAR),
    "bf16": Table(
        narrow, ("data-2", "zero-1", "zero-3", IN_STAGES[1], "tensor-2 x data-2"), 2e-3, False
    ),
}


def unlike(paths: Iterable[Path], table: Table) -> list[Path]:
    """The recipes whose twins differ, and of a table of dropout those that have some."""
    found: dict[str, Path] = {}
    for path in paths:
        if table.words is dropped and not with_dropout(path):
            continue
        sections = expanded(load_recipe(path, table.words(path), tiny=True))
        kept = {k: v for k, v in sections.items() if k not in ("description", "$schema")}
        kept["run"] = kept["run"] | {"folder": ""}
        kept["parallel"] = {}
        found.setdefault(json.dumps(kept, sort_keys=True), path)
    return list(found.values())


def compresses(path: Path) -> bool:
    """Whether what a recipe computes depends on the number of ranks by its nature."""
    recipe = load_recipe(path)
    return averages_itself(recipe) or bool(recipe.parallel.compression)


def refusal(path: Path, changes: Sequence[str], world: int) -> str | None:
    """Why a layout is not allowed, or None."""
    try:
        ring_two(load_recipe(path, changes, tiny=True), world)
    except ConfigError as error:
        return "; ".join(f"{fault.key}: {fault.found}" for fault in error.faults)
    return None


def moments(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The optimizer's moments of a run's last checkpoint: kind, tensor name, values."""
    reader = Reader(folders(folder)[0])
    found: dict[str, dict[str, torch.Tensor]] = {}
    for key in reader.shapes:
        kind, _, name = key.partition("/")
        if kind not in ("param", "buffer"):
            found.setdefault(kind, {})[name] = reader.whole(key)
    return found


def moment_difference(folder: Path, other: Path) -> float:
    """The largest difference of a moment over the largest value of its kind in the model."""
    mine, theirs = moments(folder), moments(other)
    assert mine.keys() == theirs.keys() and mine
    return max(
        max(float((values[n] - theirs[kind][n]).abs().max()) for n in values)
        / max(float(value.abs().max()) for value in theirs[kind].values())
        for kind, values in mine.items()
    )


def cell(
    path: Path, name: str, one: Path, folder: Path, table: Table
) -> tuple[float, ...] | str:  # fmt: skip
    """Losses' and moments' differences of one layout, or why it is refused."""
    world, layout = LAYOUTS[name]
    words = [*table.words(path), *layout]
    reason = refusal(path, words, world)
    if reason is not None:
        return reason
    train(world, path, folder, *words, timeout=900)
    found = furthest(losses(folder), losses(one))
    return (found, moment_difference(folder, one)) if table.moments else (found,)


def line(path: Path, names: Sequence[str], table: Table) -> tuple[str, bool, list[str]]:
    """One row of the table, whether all cells hold, and the reasons of refusals."""
    cells, good, reasons = [], True, []
    with TemporaryDirectory() as root:
        one = Path(root) / "one"
        train(1, path, one, *table.words(path), timeout=900)
        for number, name in enumerate(names):
            found = cell(path, name, one, Path(root) / str(number), table)
            if isinstance(found, str):
                reasons.append(f"{path.stem} on {name}: {found}")
                cells.append("refused")
                continue
            holds = max(found) < table.bar
            good &= holds
            figures = " / ".join(f"{figure:.0e}" for figure in found)
            cells.append(figures + ("" if holds else " **no**"))
    return f"| {path.stem} | " + " | ".join(cells) + " |", good, reasons


def main() -> None:
    """Prints the table, a row as soon as it is known, and then why cells are refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", help="stems of recipes; all twins without any")
    parser.add_argument("--table", choices=[*TABLES], default="plain")
    parser.add_argument("--layouts", nargs="*")
    words = parser.parse_args()
    table = TABLES[words.table]
    names = words.layouts or table.layouts
    everything = sorted(CATALOG.glob("*/*.json"))
    paths = [p for p in everything if p.stem in words.recipes]
    if not paths:
        paths = unlike([p for p in everything if not compresses(p)], table)
    print("| recipe (tiny twin) | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names), flush=True)
    holds, refused = True, []
    for path in paths:
        text, good, reasons = line(path, names, table)
        print(text, flush=True)
        holds &= good
        refused += reasons
    print("\n".join(["", *refused, "all cells hold" if holds else "NOT all cells hold"]))
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
