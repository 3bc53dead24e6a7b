"""What may change when a run is resumed: the key table's column `resume` as data, and its use."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from zoo.recipe.provenance import Key
from zoo.recipe.recipe import Recipe, expanded
from zoo.recipe.spec.sections import keys_of_files
from zoo.recipe.spec.tasks.vision import CROP_RATIO
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.recipe.vocabulary.older import complete
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS
from zoo.recipe.vocabulary.parameters import counts
from zoo.recipe.vocabulary.schedulers import SCHEDULERS

# "=" must be equal, "!" is taken and reported, "~" is free. A key speaks for all below it that
# are not named themselves.
COLUMN = {
    "$schema": "~",
    "description": "~",
    "task": "=",
    "model": "=",
    "model.attention": "~",
    "model.parameters": "~",
    "model.license": "~",
    "model.language": "~",
    "data": "=",
    "data.folder": "!",
    "data.temperature": "!",
    "data.max_epochs": "~",
    "data.valid": "~",
    "data.test": "~",
    "data.max_valid_examples": "~",
    "data.max_corrupt": "~",
    "data.workers": "~",
    "data.cache": "~",
    "data.cache_limit": "~",
    "data.timeout": "~",
    "parallel": "~",
    "parallel.compression": "=",
    "optimizer": "=",
    "optimizer.state": "~",
    "run.steps": "!",
    "run.epochs": "!",
    "run.batch": "=",
    "run.micro_batch": "!",
    "run.eval_micro_batch": "~",
    "run.batch_unit": "=",
    "run.precision": "=",
    "run.seed": "=",
    "run.folder": "~",
    "run.log_every": "~",
    "run.eval_every": "~",
    "run.save_every": "~",
    "run.keep": "~",
    "run.best_metric": "~",
    "run.patience": "!",
    "run.expected": "~",
    "run.export": "~",
    "run.export_merged": "~",
    "run.examples": "~",
    "run.report_to": "~",
    "run.project": "~",
    "run.tags": "~",
}

# What an absent key stands for where `model.name` brings nothing else; older versions wrote it out.
ABSENT = {"task.crop_ratio": CROP_RATIO}


MEETINGS = ("run.eval_every", "run.save_every")
"""Rhythms in which ranks that step alone meet early: other losses follow, on the same mathematics.
"""

IN_WORDS = {"=": "refused", "!": "said", "~": "free"}
"""What a resumed run does about another value of a key, in a word; `MEANS` says what that is."""

MEANS = {
    "refused": "must stay what it was",
    "said": "may change, and the resumed run says so",
    "free": "may change",
}

DEPENDS = {
    "data.valid": "refused where it is a share of train",
    "run.micro_batch": "refused where run.batch_unit is not examples",
    **dict.fromkeys(MEETINGS, "said where ranks step alone (local SGD)"),
}
"""The keys of which the rest of a recipe decides, and how, for who has none at hand."""


@dataclass(frozen=True)
class Change:
    """A key with two values; None stands for an absent one."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Changes:
    """What differs between two expanded recipes, by what a resumed run does about it."""

    refused: tuple[Change, ...]
    reported: tuple[Change, ...]
    free: tuple[Change, ...]


def changes(old: dict[str, Any], new: dict[str, Any]) -> Changes:
    """Compare two expanded recipes (see `expanded`) key by key; pure.

    The old one may be of an older version, which left out some of what it meant.
    """
    old = _with_new_keys(_with_split_seed(complete(old)))
    named = "name" in new["model"]
    found = [
        (
            Change(".".join(path), a, b),
            rule(path, new, float in (type(a), type(b))),
        )
        for path, a, b in _differ(old, new)
        if not _same(".".join(path), a, b, named)
    ]
    reported = [change for change, does in found if does == "!"]
    if any(change.key in ("run.steps", "run.epochs") for change in reported):
        reported += _stretched(old, new)
    return Changes(
        tuple(change for change, does in found if does == "="),
        tuple(reported),
        tuple(change for change, does in found if does == "~"),
    )


def _with_split_seed(old: dict[str, Any]) -> dict[str, Any]:
    """A recipe from before `data.split_seed`, when `run.seed` cut the share of `valid`."""
    data = old.get("data", {})
    cut = old.get("run", {}).get("seed", 0) if isinstance(data.get("valid"), float) else 0
    return {**old, "data": {"split_seed": cut, **data}}


def _with_new_keys(old: dict[str, Any]) -> dict[str, Any]:
    """A recipe from before some keys, which stand at what was done without them: their defaults."""
    try:
        return expanded(Recipe.model_validate_json(json.dumps(old)))
    except ValidationError:
        return old  # it has keys that are gone, and is compared as it is


def _differ(old: Any, new: Any, path: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differ(old.get(name), new.get(name), (*path, name))
    elif old != new:
        yield path, old, new


def _same(key: str, old: Any, new: Any, named: bool) -> bool:
    """Whether one of the two is absent and stands for the other."""
    return not named and key in ABSENT and None in (old, new) and ABSENT[key] in (old, new)


def rule(path: Key, recipe: dict[str, Any], share: bool = False) -> str:
    """What a resumed run of a recipe does about another value of a key: "=", "!" or "~".

    `share`: the value is, or was, a share and not a name. Pure; see `COLUMN`.
    """
    if path[:2] == ("data", "parts") and len(path) > 3:  # another weight, or a section of its own
        if path[3] == "weight":
            return "!"
        path = path[3:]
    key = ".".join(path)
    if key == "data.valid" and share:
        return "="  # it is cut from train: another one would train on other examples
    unit = recipe.get("run", {}).get("batch_unit", "examples")
    if key == "run.micro_batch" and unit != "examples":
        return "="  # which rows a step has follows it
    if key in MEETINGS and _steps_alone(recipe):
        return "!"
    while path and ".".join(path) not in COLUMN:
        path = path[:-1]
    return COLUMN.get(".".join(path), "=")


def on_resume(path: Key, recipe: dict[str, Any] | None = None, value: Any = None) -> str:
    """The same in words, of an expanded recipe and the key's value there, or of any recipe."""
    key = ".".join(path)
    does = rule(path, recipe or {}, isinstance(value, float))
    if path[-1] in keys_of_files(path[:-1]) and path[-1] != "name":
        return "as the keys say that it brings"
    if path[:2] == ("model", "tiny"):
        return on_resume((path[0], *path[2:]), recipe, value)
    below = {does for known, does in COLUMN.items() if known.startswith(f"{key}.")}
    if below - {does}:
        return "as its keys say"
    word = IN_WORDS[does]
    depends = f"; {DEPENDS[key]}" if recipe is None and key in DEPENDS else ""
    return f"{word}: {MEANS[word]}{depends}"


def _steps_alone(recipe: dict[str, Any]) -> bool:
    """Whether data ranks step by themselves between meetings, as local SGD does."""
    compressor = (recipe.get("parallel", {}).get("compression") or {}).get("kind")
    optimizer = recipe.get("optimizer", {}).get("type")
    return (compressor in COMPRESSORS and COMPRESSORS[compressor].steps_alone) or (
        optimizer in OPTIMIZERS and OPTIMIZERS[optimizer].steps_alone
    )


def _stretched(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """The schedule as a change of its own, where it follows the length of the run."""
    before, after = (one["optimizer"].get("scheduler") for one in (old, new))
    if before != after or not before:
        return []
    params, entry = before["params"], SCHEDULERS[before["type"]]
    steps = [params.get(name) for name in counts(entry.parameters)]
    shares = [one for one in [*steps, *params.get("milestones", [])] if isinstance(one, float)]
    if not entry.needs_total and not shares:
        return []
    return [Change("optimizer.scheduler", before["type"], f"{before['type']} of the new length")]
