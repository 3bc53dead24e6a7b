"""What a recipe's data is, in numbers: rows, lengths and classes of each set, padding, copies."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from zoo.data.joined import Mixed
from zoo.data.objects import Objects
from zoo.data.rows import Batch, CorruptExample, Rows, spread
from zoo.data.source import Source
from zoo.inspecting.copies import copies
from zoo.recipe.vocabulary.roles import role_of_classes

Facts = dict[str, Any]
BINS = 20


def facts_of(
    source: Source, trained: dict[str, Rows], batches: Sequence[Batch], most: int
) -> Facts:
    """Numbers of every set, by "sets", and of the training's first batches.

    `trained` are the sets as the task learns from them or is scored on them. Classes are counted
    and copies looked for in at most `most` rows of a set, evenly spread.
    """
    opened = sets_of(source)
    found = {
        name: {**set_facts(trained.get(name, rows)), **class_facts(rows, source.labels, most)}
        for name, rows in {**opened, **parts_of(source.train)}.items()
    }
    return {
        "sets": found,
        "padding_share": padding_share(batches),
        "in_train_too": copies(opened, most),
    }


def sets_of(source: Source) -> dict[str, Rows]:
    """Every set of the source by its name, train first."""
    return {"train": source.train, **source.valid, **source.test}


def parts_of(train: Rows) -> dict[str, Rows]:
    """The train rows of each part of a mixture, by its name."""
    parts = train.by_name if isinstance(train, Mixed) else {}
    return {f"train {name}": part for name, part in parts.items()}


def set_facts(rows: Rows) -> Facts:
    """How many examples a set has, how many of them are known to be unreadable, and how long they
    are: "unit", "total" and a histogram ("counts" between "edges"), where lengths are known.
    """
    found: Facts = {"examples": len(rows), "unreadable": len(rows.unreadable())}
    if {"input_ids"} <= rows.roles and len(rows):
        length = len(rows[0]["input_ids"])
        return found | {"unit": "tokens", "total": length * len(rows)}
    lengths = rows.lengths()
    if lengths is None:
        return found
    known = lengths[np.isfinite(lengths)]
    if not len(known):
        return found
    counts, edges = np.histogram(known, BINS)
    return found | {
        "unit": unit_of(rows),
        "total": float(known.sum()),
        "shortest": float(known.min()),
        "median": float(np.median(known)),
        "longest": float(known.max()),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }


def unit_of(rows: Rows) -> str:
    """In what `Rows.lengths` measures these rows."""
    if "audio" in rows.roles:
        return "seconds"
    return "words" if "tokens" in rows.roles else "characters"


def class_facts(rows: Rows, names: Sequence[str] | None, most: int) -> Facts:
    """How often each class stands in the rows, or how large their numbers are; nothing where no
    role is a class or a number. "looked_at" says how many rows were asked.
    """
    role = role_of_classes(rows.roles) or ("mask" if "mask" in rows.roles else None)
    if role is None or not len(rows):
        return {}
    counts: Counter[Any] = Counter()
    places = spread(rows, most)
    for index in places.tolist():
        with suppress(CorruptExample):
            counts.update(counted(rows.value(index, role)))
    asked = {"looked_at": len(places)}
    if names is not None:
        return asked | {"classes": {str(name): counts[place] for place, name in enumerate(names)}}
    numbers = {value: count for value, count in counts.items() if isinstance(value, int | float)}
    if not numbers:
        return {}
    mean = sum(value * count for value, count in numbers.items()) / sum(numbers.values())
    return asked | {"numbers": {"least": min(numbers), "mean": mean, "most": max(numbers)}}


def counted(value: Any) -> dict[Any, int]:
    """How often each class or number stands in one row; of a mask the pixels of each class."""
    if isinstance(value, Objects):
        return Counter(value.classes)
    if isinstance(value, tuple | list):
        return Counter(value)
    if isinstance(value, str | int | float):
        return {value: 1}
    ids, pixels = np.unique(np.asarray(value), return_counts=True)
    return dict(zip(ids.tolist(), pixels.tolist(), strict=True))


def padding_share(batches: Iterable[Batch]) -> float | None:
    """Which share of what the model gets is padding; None where nothing is padded."""
    places = [batch["places"] for batch in batches if "places" in batch]
    total = sum(whole for _, whole in places)
    return 1 - sum(filled for filled, _ in places) / total if total else None
