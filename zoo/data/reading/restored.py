"""What the columns of a stored table are made into again; all of it crosses to other processes."""

import json
from collections.abc import Callable
from typing import Any

from zoo.data.objects import Objects
from zoo.data.sources.opened import Wanted
from zoo.recipe.vocabulary.roles import ROLES

_LISTS = frozenset({"words", "tags", "spans", "answers"})  # hows whose values are tuples


def restored(role: str, wanted: Wanted) -> Callable[[Any], Any]:
    """What makes of a value of the table what the role reads."""
    if ROLES[role].how == "messages":
        return _messages
    if ROLES[role].how == "objects":
        return _objects
    if wanted.labels_of(role) or ROLES[role].how in _LISTS:
        return _tuple
    return wanted.reading(role)


def plain(text: str | None) -> Any:
    """A value of a column that is no role's."""
    return None if text is None else json.loads(text)


def _messages(text: str | None) -> Any:
    return text and json.loads(text)


def _objects(text: str | None) -> Any:
    return None if text is None else Objects.read(json.loads(text), str)


def _tuple(text: str | None) -> Any:
    return None if text is None else tuple(json.loads(text))
