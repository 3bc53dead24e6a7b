"""Rules about how a run ends: when, and with which scores."""

from zoo.recipe.checks.rules.data import scores_of
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.run import Band


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


ENDING_RULES = (
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
