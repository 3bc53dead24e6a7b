"""Ring 2 faults about a source: roles and labels that a task needs and the data lacks."""

import shlex
from difflib import get_close_matches
from typing import Any

from transformers import PreTrainedConfig

from zoo.data.rows import Rows, digest
from zoo.data.source import Source
from zoo.errors import Fault
from zoo.recipe import Recipe, origin
from zoo.recipe.instead import instead
from zoo.recipe.vocabulary.kinds import KINDS, kind_of


def fault(recipe: Recipe, key: str, found: str, allowed: str, nearest: str = "") -> Fault:
    """A fault of one recipe key, with the file or command-line word that the key came from."""
    return Fault(origin(recipe, key), key, found, allowed, nearest)


def sets(source: Source) -> dict[str, Rows]:
    """Every set of the source under the name that a message should use."""
    parts = {f"valid {name}": rows for name, rows in source.valid.items()}
    return {"train": source.train, **parts, **{f"test {n}": r for n, r in source.test.items()}}


def kind_roles(recipe: Recipe) -> tuple[tuple[str, ...], ...]:
    """What rows of the recipe's kind may hold, the first choice first."""
    return kind_of(recipe.task).roles


def role_faults(recipe: Recipe, source: Source, *choices: tuple[str, ...]) -> list[Fault]:
    """One fault a set and missing role; one of `choices` (the kind's roles) must be there whole.

    It is the same one for all sets: what the train rows have.
    """
    faults, choices = [], choices or kind_roles(recipe)
    choices = tuple(c for c in choices if set(c) <= source.train.roles)[:1] or choices
    for name, rows in sets(source).items():
        if any(set(choice) <= rows.roles for choice in choices):
            continue
        wanted = next((c for c in choices if rows.roles & set(c)), choices[0])
        missing = next(role for role in wanted if role not in rows.roles)
        near = get_close_matches(missing, sorted(rows.roles), 1, 0.5)
        allowed = " or ".join(" and ".join(choice) for choice in choices)
        found = f"columns {', '.join(sorted(rows.roles))} in the {name} set"
        hint = shlex.quote(f"data.columns.{missing}={near[0]}") if near else ""
        faults.append(fault(recipe, f"data.columns.{missing}", found, allowed, hint))
    return faults


def chosen_roles(source: Source, *choices: tuple[str, ...]) -> tuple[str, ...]:
    """The first choice that the train rows have whole; the first of all if they have none."""
    return next((c for c in choices if set(c) <= source.train.roles), choices[0])


def label_faults(recipe: Recipe, source: Source) -> list[Fault]:
    """A fault when the source knows no class names, or fewer than the kind must have."""
    least = KINDS[recipe.task.kind].least_classes
    if source.labels is None or len(source.labels) < least:
        labels, many = list(source.labels or ()), "two class names"
        allowed = f"at least {many if least > 1 else 'one'}"
        two = [*labels, f"not {labels[0]}"] if labels else ["no", "yes"]
        way = instead(recipe, "data.labels", two)
        return [fault(recipe, "data.labels", f"labels {labels}", allowed, way)]
    return []


def label_digest(config: PreTrainedConfig) -> str:
    """A digest of the class names in the order of their ids."""
    return digest("labels", [str(config.id2label[number]) for number in range(config.num_labels)])


def label_names(source: Source) -> dict[str, tuple[Any, str]]:
    """The class names as a configuration writes them."""
    names = [str(label) for label in source.labels or ()]
    values = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
    }
    return {key: (value, "data.labels") for key, value in values.items()}
