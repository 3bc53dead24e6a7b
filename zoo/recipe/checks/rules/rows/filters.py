"""Rules about `data.filter` and `data.deduplicate`."""

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.data import ALL_SETS, FilesData, MixtureData
from zoo.recipe.spec.filters import ColumnFilter, by_tokens, said
from zoo.recipe.vocabulary.kinds import kind_of


def _filters(recipe: Recipe) -> dict[str, ColumnFilter]:
    """The filter of a section; the parts of a mixture are asked one by one."""
    return {} if isinstance(recipe.data, MixtureData) else recipe.data.filter


def asks_nothing(recipe: Recipe) -> str:
    """Columns of which nothing is asked."""
    empty = [column for column, rule in _filters(recipe).items() if not said(rule)]
    return f"nothing asked of {', '.join(empty)}" if empty else ""


def nothing_between(recipe: Recipe) -> str:
    """Limits that no value keeps."""
    found = []
    for column, rule in _filters(recipe).items():
        asked = said(rule)
        for name, least in asked.items():
            most = asked.get(f"max{name.removeprefix('min')}")
            if name.startswith("min") and most is not None and least > most:  # type: ignore[operator]
                found.append(f"{column}.{name} {brief(least)} above {brief(most)}")
    return ", ".join(found)


def tokens_of_own_rows(recipe: Recipe) -> str:
    """Tokens of a tokenizer that is made from the very rows, or of none."""
    columns, chosen = by_tokens(_filters(recipe)), recipe.model.tokenizer
    if not columns:
        return ""
    if not kind_of(recipe.task).tokenizer:
        return f"tokens of {', '.join(columns)} with task.kind {recipe.task.kind}"
    made = chosen == "characters" or not (chosen is None or isinstance(chosen, str))
    shown = brief(chosen if isinstance(chosen, str) else "train")
    return f"tokens of {', '.join(columns)} with model.tokenizer {shown}" if made else ""


def tokens_alone(recipe: Recipe) -> str:
    """A filter of rows that have no columns."""
    data = recipe.data
    if not isinstance(data, FilesData) or data.format != "megatron":
        return ""
    key = "filter" if data.filter else "deduplicate" if data.deduplicate else ""
    return f"{key} with data.format megatron" if key else ""


def idle_sets(recipe: Recipe) -> str:
    """Sets of a filter that is not there."""
    data = recipe.data
    if isinstance(data, MixtureData) or data.filter or data.deduplicate:
        return ""
    chosen = data.filter_sets
    return f"{brief(list(chosen))} without a filter" if chosen != ALL_SETS else ""


FILTER_RULES = (
    Rule(
        "a filter that asks",
        "data.filter",
        asks_nothing,
        "a condition for each column, as max_characters, allowed, matches",
        "it would let every row stay",
    ),
    Rule(
        "room between limits",
        "data.filter",
        nothing_between,
        "a least that is not above the most",
        "no row would stay",
    ),
    Rule(
        "tokens before the tokenizer",
        "data.filter",
        tokens_of_own_rows,
        "characters or words; or a tokenizer that is not made from these rows",
        "rows are filtered before a tokenizer is made from them",
        beside=("model.tokenizer", "task.kind"),
    ),
    Rule(
        "columns of tokens",
        "data.format",
        tokens_alone,
        "text, filtered before it becomes tokens (zoo prepare writes shards of what stays)",
        "documents of tokens have no columns",
        beside=("data.filter", "data.deduplicate"),
    ),
    Rule(
        "sets of a filter",
        "data.filter_sets",
        idle_sets,
        "absent",
        "without data.filter or data.deduplicate all rows are read",
        "data.filter_sets=unset",
        beside=("data.filter",),
    ),
)
