"""One rule across keys: what may not stand together, why, and what to write instead."""

from collections.abc import Callable
from dataclasses import dataclass

from zoo.recipe.recipe import Recipe

Say = Callable[[Recipe], str]
"""Says what was found in a recipe, or nothing."""


@dataclass(frozen=True)
class Rule:
    """`found` says what is wrong in a recipe, or nothing; `key` is where the fault is shown.

    `nearest` are words of the command line that may mend it, `beside` the other keys that it looks
    at: who typed one of them is told so. `source` is where it can be read, as
    `file: words that stand there` for files upstream.
    """

    name: str
    key: str
    found: Say
    allowed: str
    why: str
    nearest: str | Say = ""
    source: str = ""
    beside: tuple[str, ...] = ()
