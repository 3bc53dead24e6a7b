"""A recipe for a user's data: a look at it, a recipe to start from, and what has to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.drafting.choosing import (
    follow_chats,
    follow_labels,
    follow_lengths,
    follow_media,
    write_data,
)
from zoo.drafting.draft import Draft
from zoo.drafting.length import follow_length
from zoo.drafting.look import Look, look
from zoo.drafting.places import fault
from zoo.drafting.recipes import Base, roles_in_words, suiting
from zoo.drafting.roles import Fit
from zoo.errors import ConfigError, Fault
from zoo.recipe import load_recipe
from zoo.recipe.compose.json_text import brief
from zoo.recipe.compose.nearby import find_recipe
from zoo.recipe.compose.typed import WORD

HUB = "hub:"
"""How `--data` begins that names a dataset of the hub."""
_SHOWN = 6


@dataclass(frozen=True)
class Asked:
    """What `zoo new` was told."""

    path: Path
    data: tuple[str, ...]
    changes: tuple[str, ...]


def base_named(name: str) -> Base:
    """The recipe that `--from` names; raises ConfigError."""
    try:
        file = find_recipe(name)
    except ConfigError as error:
        raise ConfigError([_of_from(fault) for fault in error.faults]) from None
    return Base(load_recipe(file), file)


def _of_from(fault: Fault) -> Fault:
    return Fault("command line", "--from", fault.file, fault.allowed, fault.nearest)


def looked(data: Sequence[str]) -> Look | None:
    """What the named files are; None of a dataset of the hub, which is not looked at."""
    if any(one.startswith(HUB) for one in data):
        if len(data) > 1:
            raise fault(", ".join(data), "one name of the hub, or files")
        return None
    return look([Path(one).expanduser() for one in data])


def drafted(asked: Asked, base: Base, found: Look | None) -> Draft:
    """The draft of a recipe for this data, with what words change laid over it.

    Raises ConfigError where the data does not suit the recipe's kind of task.
    """
    folder = asked.path.absolute().parent
    draft = Draft.of(base.file, folder)
    if found is not None:
        _suit(draft, found, fit_of(found, base), base, folder)
    elif asked.data:
        _of_hub(draft, asked.data[0].removeprefix(HUB))
    for word in asked.changes:
        key, equals, _ = word.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigError([Fault("command line", "change", brief(word), WORD)])
        draft.word(word)
    return draft


def fit_of(found: Look, base: Base) -> Fit:
    """The columns of the roles of a recipe; ConfigError names recipes that the data suits."""
    kind = base.recipe.task.kind
    fit = found.fit_of_kind(kind)
    if fit is not None:
        return fit
    columns = ", ".join(found.columns) or f"files read as {found.places.kind}"
    others = suiting(found)
    allowed = f"rows of {roles_in_words(kind)}, which {base.name} reads"
    if others:
        names = ", ".join(one.name for one in others[:_SHOWN])
        more = ", ..." if len(others) > _SHOWN else ""
        allowed += f"; recipes for such data: {names}{more}"
    nearest = f"--from {others[0].name}" if others else ""
    raise fault(f"{found.places.folder} with {columns}", allowed, nearest)


def _suit(draft: Draft, found: Look, fit: Fit, base: Base, folder: Path) -> None:
    """All that follows from the data."""
    fields = tuple(type(base.recipe.task).model_fields)
    draft.said.append(_of_files(found))
    draft.said += [
        f"{role}: {_column(column)}" for role, column in fit.columns.items() if found.columns
    ]
    write_data(draft, found, fit, base, folder)
    follow_labels(draft, found, fit, fields)
    follow_chats(draft, fit, base)
    follow_lengths(draft, found, fit, base, fields)
    follow_media(draft, found, fit, base, fields)
    follow_length(draft, found, fit, base)


def _of_files(found: Look) -> str:
    sets = ", ".join(f"{key} {' '.join(names)}" for key, names in found.places.entries.items())
    count = f"more than {found.rows:,}" if found.more else f"{found.rows:,}"
    what = "files" if not found.columns else "rows"
    return f"data: {found.places.kind} in {found.places.folder} ({sets}), {count} train {what}"


def _column(column: str | tuple[str, ...]) -> str:
    return f"the column {column}" if isinstance(column, str) else f"the columns {', '.join(column)}"


def _of_hub(draft: Draft, name: str) -> None:
    """A dataset of the hub, which is named and not looked at."""
    draft.sections["data"] = {"source": "hub", "name": name, "train": "train", "valid": 0.1}
    draft.why["data", "valid"] = "not looked at: name its splits and, in data.columns, its columns"
    draft.said.append(f"data: {name} of the hub, which was not looked at; `zoo check --deep` will")
    for key in ("best_metric", "expected"):
        draft.drop(f"run.{key}")


def default_base(found: Look) -> Base | None:
    """The recipe that is taken where nobody chose: the likeliest kind's smallest, and one that
    needs nothing of the hub if there is one.
    """
    return next(iter(suiting(found)), None)
