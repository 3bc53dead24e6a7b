"""Rules about the data."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.data import BuiltInData
from zoo.recipe.spec.task import ImageClassificationSpec, MaskedLMSpec


def nothing_to_score(recipe: Recipe) -> str:
    wanted = {"run.best_metric": recipe.run.best_metric, "run.eval_every": recipe.run.eval_every}
    keys = [f"{key} {brief(value)}" for key, value in wanted.items() if value]
    keys += ['run.export "best"'] * (recipe.run.export == "best")
    return f"nothing, with {' and '.join(keys)}" if keys and recipe.data.valid is None else ""


BUILT_IN = {
    "causal-lm": ("stdlib-text",),
    "masked-lm": ("stdlib-text",),
    "sequence-classification": ("stdlib-keywords",),
    "image-classification": ("digits",),
    "ctc": ("morse",),
}


def near_built_in(recipe: Recipe) -> str:
    return BUILT_IN[recipe.task.kind][0]


def other_built_in(recipe: Recipe) -> str:
    data = recipe.data
    if not isinstance(data, BuiltInData) or data.name in BUILT_IN[recipe.task.kind]:
        return ""
    return f"{brief(data.name)} with task.kind {recipe.task.kind}"


def one_length(recipe: Recipe) -> str:
    same = isinstance(recipe.task, ImageClassificationSpec | MaskedLMSpec)
    wrong = same and recipe.data.sampling == "group-by-length"
    return f"group-by-length with task.kind {recipe.task.kind}" if wrong else ""


def labels_twice(recipe: Recipe) -> str:
    labels = recipe.data.labels or ()
    twice = sorted({label for label in labels if labels.count(label) > 1})
    return f"{', '.join(map(brief, twice))} twice" if twice else ""


DATA_RULES = (
    Rule(
        "something to score",
        "data.valid",
        nothing_to_score,
        "a split, a list of splits, or a share of train",
        "these keys need a validation set",
        "0.1",
    ),
    Rule(
        "built-in data",
        "data.name",
        other_built_in,
        "stdlib-text for causal-lm and masked-lm, stdlib-keywords for sequence-classification, "
        "digits for image-classification, morse for ctc",
        "the rows must hold what the task reads",
        near_built_in,
    ),
    Rule(
        "lengths",
        "data.sampling",
        one_length,
        "random, sequential",
        "all examples of this task have one length",
        "random",
    ),
    Rule(
        "labels",
        "data.labels",
        labels_twice,
        "every class once",
        "the place in the list is the id",
    ),
)
