"""Rules about the data."""

from zoo.errors import near
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.data import BuiltInData, FilesData, MixtureData
from zoo.recipe.vocabulary.kinds import KINDS, kind_of
from zoo.recipe.vocabulary.scores import Score


def nothing_to_score(recipe: Recipe) -> str:
    """Keys that need a validation set, without one."""
    run = recipe.run
    wanted = {"best_metric": run.best_metric, "eval_every": run.eval_every}
    wanted |= {"patience": run.patience, "expected": ", ".join(run.expected)}
    keys = [f"run.{key} {brief(value)}" for key, value in wanted.items() if value]
    if recipe.run.export == "best":
        keys.append('run.export "best"')
    return f"nothing, with {' and '.join(keys)}" if keys and not recipe.data.valid else ""


def scores_of(recipe: Recipe) -> dict[str, Score]:
    """What evaluation gives, by the keys of a row of metrics: each score of each set."""
    valid, scores = recipe.data.valid, kind_of(recipe.task).scores
    several = isinstance(valid, tuple) and len(valid) > 1
    prefixes = [f"valid/{name}" for name in valid] if several else ["valid"]  # type: ignore[union-attr]
    return {f"{prefix}/{key}": one for prefix in prefixes for key, one in scores.items()}


def no_such_score(recipe: Recipe) -> str:
    """A best score that evaluation does not give."""
    chosen = recipe.run.best_metric
    given = scores_of(recipe)
    if not chosen or not recipe.data.valid or chosen in given:
        return ""
    return f"{brief(chosen)}, where evaluation gives {', '.join(given)}"


def spelled(chosen: str, names: list[str]) -> str:
    """The name of the score that was meant, by its last part, or nothing."""
    part = chosen.rpartition("/")[2]
    parts = [name.rpartition("/")[2] for name in names]
    holds = next((one for one in parts if part in one), "")
    meant = part if part in parts else near(part, parts) or holds
    sets = [name for name, one in zip(names, parts, strict=True) if one == meant]
    return near(chosen, sets) or next(iter(sets), "")


def near_score(recipe: Recipe) -> str:
    """The score that was meant, or the task's first."""
    given = list(scores_of(recipe))
    meant = spelled(str(recipe.run.best_metric), given) or next(iter(given), "")
    return f"run.best_metric={meant}" if meant else ""


def near_built_in(recipe: Recipe) -> str:
    """Built-in data of the task's kind."""
    return next((f"data.name={name}" for name in kind_of(recipe.task).built_in), "")


def other_built_in(recipe: Recipe) -> str:
    """Built-in data whose rows do not hold what the task reads."""
    data = recipe.data
    if not isinstance(data, BuiltInData) or data.name in kind_of(recipe.task).built_in:
        return ""
    problem = getattr(recipe.task, "problem", None)
    other = f" and task.problem {problem}" if data.name in KINDS[recipe.task.kind].built_in else ""
    return f"{brief(data.name)} with task.kind {recipe.task.kind}{other}"


def built_in_of_kinds() -> str:
    """Which built-in data goes with which kinds, in words."""
    users: dict[str, list[str]] = {}
    for kind, entry in KINDS.items():
        for name in entry.built_in:
            users.setdefault(name, []).append(kind)
    return ", ".join(f"{name} for {' and '.join(kinds)}" for name, kinds in users.items())


def one_length(recipe: Recipe) -> str:
    """Grouping by length where all have one."""
    same, data = KINDS[recipe.task.kind].one_length, recipe.data
    wrong = same and not isinstance(data, MixtureData) and data.sampling == "group-by-length"
    return f"group-by-length with task.kind {recipe.task.kind}" if wrong else ""


def columns_together(recipe: Recipe) -> str:
    """Several columns of a role that is read from one."""
    several, data = kind_of(recipe.task).several, recipe.data
    columns = {} if isinstance(data, MixtureData) else data.columns  # its parts are asked
    wrong = [
        role
        for role, column in columns.items()
        if not isinstance(column, str) and not (several and role == "label")
    ]
    return f"several for {', '.join(wrong)}" if wrong else ""


def labels_twice(recipe: Recipe) -> str:
    """A class that is named twice."""
    labels = recipe.data.labels or ()
    twice = sorted({label for label in labels if labels.count(label) > 1})
    return f"{', '.join(map(brief, twice))} twice" if twice else ""


def labels_of_numbers(recipe: Recipe) -> str:
    """Class names where labels are numbers."""
    numbers = KINDS[recipe.task.kind].classes and not kind_of(recipe.task).classes
    labels = recipe.data.labels
    return f"{brief(list(labels))} with task.problem regression" if labels and numbers else ""


def too_few_labels(recipe: Recipe) -> str:
    """Fewer classes than the kind can tell apart."""
    labels = recipe.data.labels
    few = labels is not None and len(labels) < KINDS[recipe.task.kind].least_classes
    return brief(list(labels)) if few and labels else ""


def tokenizer_of_tokens(recipe: Recipe) -> str:
    """A tokenizer that would have to be made from texts, where there are tokens only."""
    data, chosen = recipe.data, recipe.model.tokenizer
    given = isinstance(data, FilesData) and data.format == "megatron"
    made = chosen == "characters" or not (chosen is None or isinstance(chosen, str))
    shown = brief(chosen if isinstance(chosen, str) else "train")
    return f"{shown} with data.format megatron" if given and made else ""


def tokens_of_text(recipe: Recipe) -> str:
    """Tokens for a kind that reads more of a row than a text."""
    data = recipe.data
    given = isinstance(data, FilesData) and data.format == "megatron"
    wrong = given and ("text",) not in KINDS[recipe.task.kind].roles
    return f"megatron with task.kind {recipe.task.kind}" if wrong else ""


DATA_RULES = (
    Rule(
        "whose tokens",
        "model.tokenizer",
        tokenizer_of_tokens,
        "the tokenizer that the tokens were made by: a folder or a name",
        "there is no text that another could be made from",
        beside=("data.format",),
    ),
    Rule(
        "tokens of text",
        "data.format",
        tokens_of_text,
        "megatron for kinds that read a text alone",
        "tokens stand for text, and for nothing beside it",
        beside=("task.kind",),
    ),
    Rule(
        "numbers have no names",
        "data.labels",
        labels_of_numbers,
        "nothing",
        "labels are read as numbers, which no class stands for",
        "data.labels=null",
        beside=("task.problem",),
    ),
    Rule(
        "two classes",
        "data.labels",
        too_few_labels,
        "at least two class names",
        "one class is told from nothing",
        beside=("task.kind",),
    ),
    Rule(
        "a score that is given",
        "run.best_metric",
        no_such_score,
        "valid/SCORE, or valid/SET/SCORE with several validation sets",
        "it decides which checkpoint is best",
        near_score,
        beside=("data.valid", "task.kind"),
    ),
    Rule(
        "something to score",
        "data.valid",
        nothing_to_score,
        "a split, a list of splits, or a share of train",
        "these keys need a validation set",
        "data.valid=0.1",
        beside=(
            *("run.best_metric", "run.eval_every", "run.export", "run.patience"),
            "run.expected",
        ),
    ),
    Rule(
        "built-in data",
        "data.name",
        other_built_in,
        built_in_of_kinds(),
        "the rows must hold what the task reads",
        near_built_in,
        beside=("task.kind",),
    ),
    Rule(
        "lengths",
        "data.sampling",
        one_length,
        "random, sequential",
        "all examples of this task have one length",
        "data.sampling=random",
        beside=("task.kind",),
    ),
    Rule(
        "columns",
        "data.columns",
        columns_together,
        "one a role; several for label, with task.problem multi-label or regression",
        "each holds one label of a row",
        beside=("task.problem",),
    ),
    Rule(
        "labels",
        "data.labels",
        labels_twice,
        "every class once",
        "the place in the list is the id",
    ),
)
