"""The order of class names: a pretrained head keeps what it knows where its classes are the
data's.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from zoo.data.joined import each_part
from zoo.data.labels import LabelIds
from zoo.data.rows import Rows
from zoo.data.source import Source
from zoo.models.config import described_at, located
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.roles import role_of_classes

_SHOWN = 5


def in_checkpoints_order(recipe: Recipe, source: Source) -> tuple[Source, list[str]]:
    """The source with class ids as in the checkpoint that the run starts from, and what to say.

    As run_glue.py does: where both have the same class names (whatever their case) the order is the
    checkpoint's, unless `data.labels` says another. Names stay spelled as in the data.
    """
    moves = role_of_classes(source.train.roles) is not None  # masks hold ids, in one order only
    theirs = checkpoint_classes(recipe) if source.labels and moves else None
    if theirs is None or source.labels is None:
        return source, []
    ours = {name.casefold(): number for number, name in enumerate(source.labels)}
    wanted = [name.casefold() for name in theirs]
    listed = f"the checkpoint's classes are {_shown(theirs)}, the data's {_shown(source.labels)}"
    if sorted(ours) != sorted(wanted) or len(wanted) != len(source.labels):
        kept = "is kept by number" if len(theirs) == len(source.labels) else "is filled anew"
        return source, [f"{listed}: its head {kept}"]
    order = [ours[name] for name in wanted]
    if order == sorted(order):
        return source, []
    if recipe.data.labels:
        return source, [f"{listed}: its head starts with the order of data.labels"]
    return _reordered(source, order), [f"{listed}: ids are the checkpoint's"]


def checkpoint_classes(recipe: Recipe) -> list[str] | None:
    """The class names in the order of the head that a run starts from; None where it has no names
    of its own.
    """
    section = recipe.model
    place = section.weights or section.name
    if place is None or place == "random":
        return None
    run = Path(described_at(str(Path(located(place)) / "model")))
    name = str(run) if (run / "config.json").is_file() else described_at(located(place))
    revision = section.revision if place == section.name else None
    try:
        found, _ = PreTrainedConfig.get_config_dict(name, revision=revision)
    except (OSError, ValueError):  # what cannot be read is a fault of whoever needs it
        return None
    return named_classes(found)


def named_classes(config: dict[str, Any]) -> list[str] | None:
    """The names in a configuration's `id2label`, in order; None where transformers made them up."""
    names = names_by_id(config)
    return None if all(name == f"LABEL_{place}" for place, name in enumerate(names)) else names


def names_by_id(config: dict[str, Any]) -> list[str]:
    """The names in a configuration's `id2label`, in order; empty where it has none."""
    by_id = config.get("id2label")
    if not isinstance(by_id, dict):
        return []
    return [str(by_id[key]) for key in sorted(by_id, key=int)]


def _reordered(source: Source, order: Sequence[int]) -> Source:
    """Class id n is what was `order[n]` before."""
    ids = {old: new for new, old in enumerate(order)}

    def changed(rows: Rows) -> Rows:
        return LabelIds(rows, ids)

    assert source.labels is not None
    return replace(
        source,
        train=each_part(source.train, changed),
        valid={name: changed(rows) for name, rows in source.valid.items()},
        test={name: changed(rows) for name, rows in source.test.items()},
        labels=tuple(source.labels[old] for old in order),
    )


def _shown(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
