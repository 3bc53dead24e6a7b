"""What was trained, as a report says it: a recipe's values and where they come from, what was
changed of its file, in what several differ.
"""

from typing import Any

from zoo.recipe.provenance import TYPED
from zoo.reporting.reading import Run
from zoo.training.logs.metrics import flat

DEFAULT = "the default"
_ABSENT = "not set"
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
    return _ABSENT if value is None else value if isinstance(value, str) else str(value)


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
        row = [key, said(was), said(now.get(key)), str(one.get("by", "")).removeprefix(TYPED)]
        of_words = not run.origin.get("twin") or TYPED in str(one.get("by"))
        (typed if of_words else others).append(row)
    return typed, others


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
