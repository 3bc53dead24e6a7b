"""Rules about how a run ends: when, and with which scores."""

import json
import shlex

from zoo.recipe.checks.rules.data import scores_of, spelled
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.derived.average import exported_together
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.run import Band
from zoo.recipe.spec.words import MOST


def never_looks(recipe: Recipe) -> str:
    """Patience with a run that is scored at its end only."""
    run = recipe.run
    return f"0 with patience {run.patience}" if run.patience and not run.eval_every else ""


def no_such_scores(recipe: Recipe) -> str:
    """Bands of scores that evaluation does not give."""
    given = scores_of(recipe)
    strange = [name for name in recipe.run.expected if name not in given]
    if not strange or not recipe.data.valid:
        return ""
    return f"{', '.join(map(brief, strange))}, where evaluation gives {', '.join(given)}"


def near_scores(recipe: Recipe) -> str:
    """The same bands, of the scores that were meant."""
    given, words = list(scores_of(recipe)), []
    taken = set(recipe.run.expected)
    for name, band in recipe.run.expected.items():
        if name in given:
            continue
        if not (meant := spelled(name, given)):
            return ""
        words.append(f"run.expected.{name}=unset")
        if meant not in taken:
            taken.add(meant)
            ends = band.model_dump(exclude_none=True) if isinstance(band, Band) else band
            words.append(f"run.expected.{meant}={json.dumps(ends, separators=(',', ':'))}")
    return shlex.join(words)


def empty_band(recipe: Recipe) -> str:
    """A band without an end, or whose lower end is above its upper one."""
    for name, band in recipe.run.expected.items():
        if not isinstance(band, Band):
            continue
        if band.min is None and band.max is None:
            return f"{name} without min and max"
        if band.min is not None and band.max is not None and band.min > band.max:
            return f"{name} from {band.min:g} to {band.max:g}"
    return ""


def too_few_kept(recipe: Recipe) -> str:
    """A mean of more checkpoints than are kept."""
    count, keep = exported_together(recipe), recipe.run.keep
    return f"{keep} with export {recipe.run.export}" if keep < count else ""


def enough(recipe: Recipe) -> str:
    """As many as the mean takes."""
    return f"run.keep={exported_together(recipe)}"


def too_few_saved(recipe: Recipe) -> str:
    """A mean of more checkpoints than the run makes."""
    run, count = recipe.run, exported_together(recipe)
    if count == 1 or run.save_every == "epoch":
        return ""
    every = int(run.save_every)
    made = 1 if not every else -(-(run.steps or MOST) // every)
    return f"{every}, which makes {made}, with export {run.export}" if made < count else ""


ENDING_RULES = (
    Rule(
        "checkpoints kept for a mean",
        "run.keep",
        too_few_kept,
        "at least as many as are averaged",
        "older ones go",
        enough,
        beside=("run.export",),
    ),
    Rule(
        "checkpoints made for a mean",
        "run.save_every",
        too_few_saved,
        "a rhythm that makes as many checkpoints as are averaged",
        "there would be fewer",
        beside=("run.export", "run.steps"),
    ),
    Rule(
        "patience",
        "run.eval_every",
        never_looks,
        "steps, or epoch",
        "patience counts evaluations",
        "run.eval_every=epoch",
        beside=("run.patience",),
    ),
    Rule(
        "expected scores",
        "run.expected",
        no_such_scores,
        "valid/SCORE, or valid/SET/SCORE with several validation sets",
        "the end of the run looks whether they lie there",
        near_scores,
        beside=("data.valid", "task.kind"),
    ),
    Rule(
        "expected bands",
        "run.expected",
        empty_band,
        "[low, high], or an object of min, max or both, the lower one first",
        "nothing could lie in it, or outside",
    ),
)
