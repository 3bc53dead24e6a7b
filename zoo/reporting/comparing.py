"""Several runs side by side: which scores the best, where that can be said."""

from typing import Any

from zoo.reporting.facts import headline, kind_name, scores_of
from zoo.reporting.reading import Run
from zoo.training.logs.metrics import flat

_OF_TRAINING = {
    *("workers", "cache", "sampling", "shuffle_window", "streaming", "cache_limit", "timeout"),
    *("max_train_examples", "max_corrupt", "weight", "temperature", "max_epochs"),
}
"""Keys of `data` that change nothing of what is scored."""


def scored_on(run: Run) -> dict[str, Any]:
    """What the recipe says of the rows that a run is scored on, and of what is asked of them."""
    said = flat(run.recipe.get("data", {}))
    rows = {key: said[key] for key in said if key.rpartition(".")[2] not in _OF_TRAINING}
    for key in [key for key in rows if key.rpartition(".")[2] == "train"]:
        cut = rows.get(f"{key.removesuffix('train')}valid")
        if not isinstance(cut, float):  # else a share of train is scored
            del rows[key]
    problem = run.recipe.get("task", {}).get("problem", "single-label")
    return {**rows, "kind": kind_name(run), "problem": problem}


def comparable(runs: list[Run]) -> bool:
    """Whether all were scored on the same rows by the same scores."""
    return all(scored_on(run) == scored_on(runs[0]) for run in runs)


def winners(runs: list[Run]) -> dict[str, float]:
    """Of several runs' scores whose direction is known the best of all; nothing where other rows
    were scored, and the headline alone where runs learned by other losses.
    """
    if not comparable(runs):
        return {}
    of_loss = [[run.recipe.get("task", {}).get(key) for key in ("loss", "beta")] for run in runs]
    first = headline(runs[0])
    found: dict[str, float] = {}
    for run in runs:
        for key, one in scores_of(run).items():
            told = of_loss.count(of_loss[0]) == len(runs) or key == first
            if told and one.best is not None and one.larger is not None:
                order = max if one.larger else min
                found[key] = order(found.get(key, one.best), one.best)
    return found
