"""A word of another tool: which key of a recipe it is, and how its value is read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from zoo.recipe.vocabulary.foreign import RULED

How = Literal["taken", "derived", "no effect", "not possible"]
OFF: tuple[Any, ...] = (None, False, "", 0, "no", "none", "None", "off", [], {})
"""Values by which nothing is asked for."""
AUTO = "auto"
"""What DeepSpeed's files leave to the program that reads them."""


@dataclass(frozen=True)
class Word:
    """One key of another tool, or a pattern of keys: `*` is one name, `**` the rest."""

    how: How
    """What becomes of it; a `to` that no recipe has is not possible all the same."""
    to: str = ""
    """The key of a recipe; stars stand for what the pattern's stars found."""
    why: str = ""
    """How it is derived, or why it has no effect or is not possible."""
    idea: str = ""
    """What the settling calls it, where several words make a key together."""
    value: Callable[[Any], Any] | None = None
    """How its value reads here; None from it: nothing is asked for."""
    idle: tuple[Any, ...] = ()
    """Values that ask for nothing, or for what is so here anyway."""
    file: bool = False
    """Its value names another file of such tools, which is read as well."""
    auto: bool = False
    """`auto` is a value of its own, and does not leave it to other files."""


Words = Mapping[str, Word]


@dataclass(frozen=True)
class Dialect:
    """What one tool's files hold."""

    title: str
    """What people call such a file."""
    marks: tuple[str, ...]
    """Keys by which it is known, the telling ones of a few."""
    words: Words
    """Every key that is known, the plain names before the patterns."""
    silent: Mapping[str, Any] = field(default_factory=dict)
    """Its own defaults, by key of it, where they differ from the zoo's."""
    silent_of: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those of one script, before the others."""


def taken(to: str, value: Callable[[Any], Any] | None = None) -> Word:
    """A word that a recipe has as well."""
    return Word("taken", to, value=value)


def ruled(name: str) -> Word:
    """A word of which the checks know the ruling key."""
    return Word("taken", RULED[name])


def derived(to: str, why: str, idea: str = "", value: Callable[[Any], Any] | None = None) -> Word:
    """A word from which a key follows, alone or with others that share the `idea`'s settling."""
    return Word("derived", to, why, idea, value)


def idle(why: str) -> Word:
    """A word that changes nothing here, whatever its value."""
    return Word("no effect", "", why)


def impossible(why: str, *also: Any) -> Word:
    """A word whose wish is not granted; off, or one of `also`, it asks for nothing."""
    return Word("not possible", "", why, idle=(*OFF, *also))


def another_file() -> Word:
    """A word whose value is a file's name, or what would stand in it."""
    return Word("derived", "", "the file is read as well", file=True)


def each(names: str, word: Word) -> dict[str, Word]:
    """The same for several names."""
    return dict.fromkeys(names.split(), word)


def found(words: Words, key: str) -> tuple[Word, tuple[str, ...]] | None:
    """The word of a key, and what the stars of its pattern stand for."""
    if key in words:
        return words[key], ()
    for pattern, word in words.items():
        if "*" in pattern and (match := _expression(pattern).fullmatch(key)):
            return word, match.groups()
    return None


def filled(text: str, stars: tuple[str, ...]) -> str:
    """A text with what was found in the place of its stars."""
    for star in stars:
        text = text.replace("*", star, 1)
    return text


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.escape(pattern).replace(r"\*\*", "(.+)").replace(r"\*", "([^.]+)")
    return re.compile(parts)
