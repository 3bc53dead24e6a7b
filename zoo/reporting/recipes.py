"""What was trained, as a report says it: a recipe's values and where they come from, what was
changed of its file, in what several differ.
"""

import json
from typing import Any

from zoo.recipe.provenance import TYPED
from zoo.reporting.reading import Run
from zoo.training.logs.metrics import flat

DEFAULT = "the default"
_ABSENT = "not set"
LONGEST = 60
"""Characters of a word of the command line in a table."""
RANDOM = "random"
_NOT_RECIPES = ("$schema", "description", "run.folder")


def recipe_rows(run: Run) -> dict[str, list[list[str]]]:
    """The recipe's values by section: key, value, and where it came from."""
    origins = run.origin.get("origins", {})
    found: dict[str, list[list[str]]] = {}
    for key, value in flat(run.recipe).items():
        if value is None or key in ("$schema", "description"):
            continue
        source = next((origins[k] for k in _above(key) if k in origins), DEFAULT)
        found.setdefault(key.partition(".")[0], []).append([key, said(value), source])
    return found


def _above(key: str) -> list[str]:
    """A dotted key and those of the objects around it, nearest first."""
    parts = key.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def said(value: Any) -> str:
    """A value of a recipe in a table."""
    return _ABSENT if value is None else value if isinstance(value, str) else json.dumps(value)


def changes(run: Run) -> tuple[list[list[str]], list[list[str]]]:
    """What is not as the recipe's file says: key, its value there, this run's, and who changed it;
    first what was typed and followed from it, then, of a twin, what the twin changed.
    """
    now = flat(run.recipe)
    known: dict[str, Any] = run.origin.get("changes", {})
    typed: list[list[str]] = []
    others: list[list[str]] = []
    for key, one in known.items():
        was = flat(one.get("was")).get("")
        if key in _NOT_RECIPES or now.get(key) == was:
            continue
        by = shorten(str(one.get("by", "")).removeprefix(TYPED))
        row = [key, said(was), said(now.get(key)), by]
        of_words = not run.origin.get("twin") or TYPED in str(one.get("by"))
        (typed if of_words else others).append(row)
    return typed, others


def shorten(text: str) -> str:
    """A word of the command line in a table, where a whole section as JSON is too much."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} \u2026"


def beginnings(run: Run) -> list[list[str]]:
    """What training began with: the weights, what is added to them, how much is trained."""
    model: dict[str, Any] = run.recipe.get("model", {})
    start = model.get("weights") or model.get("name") or RANDOM
    revision = f", revision {model['revision']}" if model.get("revision") else ""
    rows = [["started from", "random weights" if start == RANDOM else f"{start}{revision}"]]
    lora: dict[str, Any] = model.get("lora") or {}
    if lora:
        scale, where = lora.get("alpha"), lora.get("target_modules") or "the family's own modules"
        rows.append(
            ["adapter (LoRA)", f"rank {lora.get('r')}, alpha {scale}, on {said_list(where)}"]
        )
    if lora.get("modules_to_save"):
        rows.append(["trained whole beside it", said_list(lora["modules_to_save"])])
    starts = run.happened("start")
    whole = int(starts[-1].get("parameters", 0)) if starts else 0
    trained = int(starts[-1].get("trained", whole)) if starts else 0
    if trained < whole:
        rows.append(["parameters trained", f"{trained:,}, {trained / whole:.2%} of {whole:,}"])
        rows.append(["parameters frozen", f"{whole - trained:,}"])
    return rows


def said_list(value: Any) -> str:
    """Words one after the other."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def words(run: Run) -> list[str]:
    """The words of the command line that changed the recipe: all that is known of the changes of a
    run of an older version.
    """
    return [] if "changes" in run.origin else [str(word) for word in run.origin.get("words", [])]


def differing(runs: list[Run]) -> list[list[str]]:
    """The keys of recipes in which runs differ: key, and each run's value."""
    each = [flat(run.recipe) for run in runs]
    keys = dict.fromkeys(key for one in each for key in one)
    rows = []
    for key in keys:
        values = [one.get(key) for one in each]
        if key not in _NOT_RECIPES and any(value != values[0] for value in values):
            rows.append([key, *map(said, values)])
    return rows
