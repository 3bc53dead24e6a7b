"""The parity matrix: every recipe's tiny twin on every layout against one process.

`python -m tests.benchmarks.parity [RECIPE ...] [--layouts NAME ...]` prints a Markdown table; a
cell holds the largest relative difference of 20 losses and, behind it, of the optimizer's moments
(largest difference over the largest value of that moment in the model). fp32, dropout off.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tests.runs import CATALOG, LAYOUTS, SHORT, furthest, losses, train, without_dropout
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.recipe.derived.exchange import averages_itself
from zoo.training.checks import ring_two
from zoo.training.disk.kept import folders
from zoo.training.reader import Reader

BAR = 1e-4


# At their twins' own rates (2e-3, 4e-3) ResNet and the Conformer amplify another order of additions
# within ten steps (a ReLU at its kink flips a thousandfold); a quarter of the rate does not.
CALM = {"resnet": "optimizer.params.lr=5e-4", "parakeet_ctc": "optimizer.params.lr=1e-3"}


def settings(path: Path) -> list[str]:
    """What a twin runs with: four micro-batches a step, no dropout, no mixup."""
    recipe = load_recipe(path, tiny=True)
    words = [*SHORT, f"run.micro_batch={recipe.run.batch // 4}", *without_dropout(path)]
    if recipe.task.kind == "image-classification":
        words.append("task.augment.mixup=0.0")
    calm = CALM.get(recipe.model.config["model_type"])
    return [*words, calm] if calm else words


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


def cell(path: Path, name: str, one: Path, folder: Path) -> tuple[float, float] | str:
    """Losses' and moments' differences of one layout, or why it is refused."""
    world, layout = LAYOUTS[name]
    words = [*settings(path), *layout]
    reason = refusal(path, words, world)
    if reason is not None:
        return reason
    train(world, path, folder, *words, timeout=900)
    return furthest(losses(folder), losses(one)), moment_difference(folder, one)


def line(path: Path, names: Sequence[str]) -> tuple[str, bool, list[str]]:
    """One row of the table, whether all cells hold, and the reasons of refusals."""
    cells, good, reasons = [], True, []
    with TemporaryDirectory() as root:
        one = Path(root) / "one"
        train(1, path, one, *settings(path), timeout=900)
        for number, name in enumerate(names):
            found = cell(path, name, one, Path(root) / str(number))
            if isinstance(found, str):
                reasons.append(f"{path.stem} on {name}: {found}")
                cells.append("refused")
                continue
            good &= max(found) < BAR
            cells.append(
                f"{found[0]:.0e} / {found[1]:.0e}" + ("" if max(found) < BAR else " **no**")
            )
    return f"| {path.stem} | " + " | ".join(cells) + " |", good, reasons


def main() -> None:
    """Prints the table, a row as soon as it is known, and then why cells are refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", help="stems of recipes; all without any")
    parser.add_argument("--layouts", nargs="*", default=[*LAYOUTS])
    words = parser.parse_args()
    chosen = [p for p in sorted(CATALOG.glob("*/*.json")) if p.stem in words.recipes]
    paths = chosen or [p for p in sorted(CATALOG.glob("*/*.json")) if not compresses(p)]
    print("| recipe (tiny twin) | " + " | ".join(words.layouts) + " |")
    print("| --- |" + " --- |" * len(words.layouts), flush=True)
    holds, refused = True, []
    for path in paths:
        text, good, reasons = line(path, words.layouts)
        print(text, flush=True)
        holds &= good
        refused += reasons
    print("\n".join(["", *refused, "all cells hold" if holds else "NOT all cells hold"]))
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
