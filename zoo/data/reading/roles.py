"""What reads the values of a column, by the role that it is."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from zoo.data.reading.lists import as_answers, as_list, as_spans
from zoo.data.sources.values import (
    as_filled,
    as_label,
    as_media,
    as_messages,
    as_number,
    as_objects,
    as_text,
)
from zoo.recipe.vocabulary.roles import MEDIA, ROLES


def reading(
    role: str, classes: bool, may_be_blank: bool, names: Sequence[str] | None = None
) -> Callable[[Any], Any]:
    """What makes of a raw value what the role reads: None where there is none; raises Odd."""
    how = ROLES[role].how
    if how == "value":
        return partial(as_label, names=names) if classes else as_number
    if how == "text" and not may_be_blank:
        return as_filled
    if how == "objects":
        return partial(as_objects, names=names)
    if how in MEDIA:
        return as_media
    readers: dict[str, Callable[[Any], Any]] = {
        "text": as_text,
        "messages": as_messages,
        "words": partial(as_list, one=as_text),
        "tags": partial(as_list, one=partial(as_label, names=names)),
        "spans": partial(as_spans, names=names),
        "answers": as_answers,
    }
    return readers[how]
