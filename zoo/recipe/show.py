"""What the command line says about recipes, as plain rows and lines: list, explain, groups."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.errors import ConfigError, Fault
from zoo.recipe.catalog import recipes
from zoo.recipe.deepspeed import Group, parameter_groups, resolve_scheduler
from zoo.recipe.exchange import averages_itself, compression_kind, without_effect, zero_stage
from zoo.recipe.keys import known_keys, unknown
from zoo.recipe.load import expanded, load_recipe, origin_of, split_key
from zoo.recipe.optimizers import OPTIMIZERS, algorithm
from zoo.recipe.spec import BuiltInData, FilesData, Recipe

HEADS = ("recipe", "task", "model", "parameters", "data", "layout", "optimizer")
Key = tuple[str, ...]


def catalog_rows(changes: Sequence[str], tiny: bool) -> tuple[list[tuple[str, ...]], list[Fault]]:
    """One row of HEADS for each recipe of the shipped catalog, and the faults of broken ones."""
    rows: list[tuple[str, ...]] = []
    faults: list[Fault] = []
    for file in recipes():
        try:
            recipe = load_recipe(file, changes, tiny)
        except ConfigError as error:
            faults += error.faults
        else:
            rows.append(recipe_row(recipe))
    return rows, faults


def recipe_row(recipe: Recipe) -> tuple[str, ...]:
    """A recipe in the words of HEADS."""
    named = recipe.provenance.fragments
    model = recipe.model.name or str(recipe.model.config.get("model_type", ""))
    return (
        recipe.name,
        recipe.task.kind,
        named.get("model", model),
        _amount(recipe.model.parameters),
        named.get("data", _data(recipe)),
        _layout(recipe),
        algorithm(recipe.optimizer),
    )


def _amount(parameters: int | None) -> str:
    if parameters is None:
        return "-"
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if parameters >= size:
            return f"{parameters / size:.3g} {unit}"
    return str(parameters)


def _data(recipe: Recipe) -> str:
    if isinstance(recipe.data, FilesData):
        return Path(recipe.data.folder).name
    kind = "built-in " if isinstance(recipe.data, BuiltInData) else ""
    return f"{kind}{recipe.data.name}"


def _layout(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    names = (("offload_optimizer", "optimizer offload"), ("offload_param", "parameter offload"))
    parts = [f"ZeRO-{zero['stage']}"]
    parts += [text for key, text in names if (zero.get(key) or {}).get("device", "none") != "none"]
    parts += [f"pipeline {recipe.parallel.pipeline.stages}"] * (recipe.parallel.pipeline.stages > 1)
    parts += [f"tensor {recipe.parallel.tensor}"] * (recipe.parallel.tensor > 1)
    parts += ["checkpointing"] * recipe.parallel.gradient_checkpointing
    parts += [compression_kind(recipe)] * bool(recipe.parallel.compression)
    return " + ".join(parts)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def notes(recipe: Recipe) -> list[str]:
    """What a reader of the resolved recipe could take for something else."""
    said = without_effect(recipe)
    if recipe.optimizer.type == "Adam":
        runs = algorithm(recipe.optimizer)
        said.append(
            f"optimizer.type Adam runs {runs}: DeepSpeed's Adam is AdamW"
            " unless params.adam_w_mode is false"
        )
    if averages_itself(recipe) and zero_stage(recipe):
        said.append("the optimizer shards itself: DeepSpeed runs at ZeRO stage 0")
    return said


def group_rows(recipe: Recipe) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of optimizer groups, hyper-parameters resolved."""
    groups = parameter_groups(recipe)
    names = [name for name, one in OPTIMIZERS[recipe.optimizer.type].items() if one.per_group]
    rows = [[group.which, *(_cell(group, name) for name in names)] for group in groups]
    rows += [[pattern, "frozen"] for pattern in recipe.model.freeze]
    return ["parameters", *names], rows


def _cell(group: Group, name: str) -> str:
    value = json.dumps(group.params[name]) if name in group.params else ""
    if name == "weight_decay" and group.vectors is not None:
        return f"{value} (below two dimensions {group.vectors:g})"
    return value


def schedule_line(recipe: Recipe) -> str:
    """The learning-rate schedule in one line."""
    if recipe.run.steps is None:
        scheduler = recipe.optimizer.scheduler
        resolved = scheduler.model_dump() if scheduler else None
    else:
        resolved = resolve_scheduler(recipe, recipe.run.steps)
    return f"scheduler: {json.dumps(resolved)}" if resolved else "scheduler: none, lr is constant"


def explained(recipe: Recipe, key: str) -> list[str]:
    """Lines that say a key's value, where it came from, and what fell away there.

    Raises ConfigError when no recipe of this kind has such a key.
    """
    path = split_key(key)
    content = expanded(recipe)
    found: Any = content
    for depth, name in enumerate(path):
        if not isinstance(found, dict) or name not in found:
            found = None
            _known(recipe, content, path[: depth + 1])
            break
        found = found[name]
    lines = [f"{key} is not set"] if found is None else []
    for leaf, value in _leaves(found, path) if found is not None else ():
        lines += [f"{'.'.join(leaf)} = {json.dumps(value)}", f"  from {_source(recipe, leaf)}"]
    for drop in recipe.provenance.drops:
        if drop.key[: len(path)] == path or path[: len(drop.key)] == drop.key:
            lines.append(f"  dropped: {'.'.join(drop.key)} = {json.dumps(drop.value)}")
            lines.append(f"    from {drop.origin}, because {drop.because}")
    return lines


def _known(recipe: Recipe, content: dict[str, Any], path: Key) -> None:
    allowed = known_keys(content, path[:-1])
    if allowed and path[-1] not in allowed:
        raise ConfigError([unknown(origin_of(recipe, path[:-1]), path, allowed)])


def _leaves(value: Any, path: Key) -> list[tuple[Key, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, part in value.items() for leaf in _leaves(part, (*path, name))]
    return [(path, value)]


def _source(recipe: Recipe, path: Key) -> str:
    return recipe.provenance.origins.get(path, "the default")
