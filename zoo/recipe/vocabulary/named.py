"""What an entry names as `module:name`: found when it is used, so that the entry stays light."""

from importlib import import_module
from typing import Any


def named(place: str) -> Any:
    """The object at `module:name`; ImportError or AttributeError where there is none."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
