"""What `zoo list` says: a row for each recipe of the catalog."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, load_recipe
from zoo.recipe.compose.catalog import own_recipes, recipes
from zoo.recipe.derived.exchange import compression_kind
from zoo.recipe.spec.data import BuiltInData, FilesData, MixtureData
from zoo.recipe.vocabulary.optimizers import algorithm

HEADS = ("recipe", "task", "model", "parameters", "data", "layout", "optimizer")
WHOSE = "whose"
"""The head of a column that stands where the user has recipes as well."""


def listed(
    changes: Sequence[str], tiny: bool
) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[Fault]]:
    """Heads, rows and faults of all recipes that have a name here, the user's first and marked."""
    own = own_recipes()
    if not own:
        return HEADS, *catalog_rows(changes, tiny)
    rows, faults = [], []
    hidden = {file.stem for file in own}
    shipped = [file for file in recipes() if file.stem not in hidden]
    for whose, files in (("yours", own), ("shipped", shipped)):
        found, wrong = catalog_rows(changes, tiny, files)
        rows += [(name, whose, *rest) for name, *rest in found]
        faults += wrong
    return (HEADS[0], WHOSE, *HEADS[1:]), rows, list(dict.fromkeys(faults))


def catalog_rows(
    changes: Sequence[str], tiny: bool, files: Sequence[Path] | None = None
) -> tuple[list[tuple[str, ...]], list[Fault]]:
    """One row of HEADS for each of these recipes (else the shipped ones); faults of broken ones.

    A fault that several recipes have is said once, with their names unless all have it.
    """
    rows: list[tuple[str, ...]] = []
    whose: dict[Fault, dict[str, str]] = {}
    files = recipes() if files is None else files
    for file in files:
        try:
            recipe = load_recipe(file, changes, tiny)
        except ConfigError as error:
            for fault in error.faults:
                whose.setdefault(replace(fault, nearest=""), {})[file.stem] = fault.nearest
        else:
            rows.append(recipe_row(recipe))
    return rows, [
        replace(fault, file=_of(fault, list(hints), len(files)), nearest=_agreed(hints))
        for fault, hints in whose.items()
    ]


def _agreed(hints: dict[str, str]) -> str:
    """What is proposed for every recipe, or nothing."""
    first, *others = set(hints.values())
    return "" if others else first


def _of(fault: Fault, names: list[str], everyone: int) -> str:
    """Where a fault is from, and of which recipes unless it is of all."""
    if len(names) == everyone:
        return fault.file
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{fault.file} (of {', '.join(names[:3])}{more})"


def recipe_row(recipe: Recipe) -> tuple[str, ...]:
    """A recipe in the words of HEADS."""
    named = recipe.provenance.fragments
    model = recipe.model.name or str(recipe.model.config.get("model_type", ""))
    return (
        recipe.name,
        recipe.task.kind,
        named.get("model", model),
        amount(recipe.model.parameters),
        named.get("data", _data(recipe)),
        _layout(recipe),
        algorithm(recipe.optimizer),
    )


def amount(parameters: int | None) -> str:
    """A number with its unit, as in 124 M; a dash where there is none."""
    if parameters is None:
        return "-"
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if parameters >= size:
            return f"{parameters / size:.3g} {unit}"
    return str(parameters)


def _data(recipe: Recipe) -> str:
    if isinstance(recipe.data, FilesData):
        return Path(recipe.data.folder).name
    if isinstance(recipe.data, MixtureData):
        return f"mixture of {', '.join(recipe.data.parts)}"
    kind = "built-in " if isinstance(recipe.data, BuiltInData) else ""
    return f"{kind}{recipe.data.name}"


def _layout(recipe: Recipe) -> str:
    parallel, zero = recipe.parallel, recipe.parallel.zero
    names = (("offload_optimizer", "optimizer offload"), ("offload_param", "parameter offload"))
    parts = [f"ZeRO-{zero['stage']}"]
    parts += [text for key, text in names if (zero.get(key) or {}).get("device", "none") != "none"]
    if parallel.pipeline.stages > 1:
        parts.append(f"pipeline {parallel.pipeline.stages}")
    if parallel.tensor > 1:
        parts.append(f"tensor {parallel.tensor}")
    if parallel.gradient_checkpointing:
        parts.append("checkpointing")
    if parallel.compression:
        parts.append(compression_kind(recipe))
    return " + ".join(parts)
