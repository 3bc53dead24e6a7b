"""What `data.filter` may ask of a column."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from zoo.recipe.spec.words import Amount, NotNegative, Of, Pixels, Spec, Text


def _regular(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression of Python's re; of this one: {error}") from None
    return value


Regular = Annotated[Text, AfterValidator(_regular)]
Values = Annotated[tuple[str | int | float | bool, ...], Field(min_length=1)]


class ColumnFilter(Spec):
    """What a column must hold for its row to stay: all that is said here, limits included. A row
    with nothing in the column goes; one that cannot be read stays, and is counted as corrupt."""

    min_characters: Annotated[NotNegative, Of("characters")] | None = None
    """Characters of a text, of all words of a list, of all that is said in a chat."""
    max_characters: Annotated[NotNegative, Of("characters")] | None = None
    """At most so many characters."""
    min_words: Annotated[NotNegative, Of("words")] | None = None
    """Words: what blanks part, or the elements of a list."""
    max_words: Annotated[NotNegative, Of("words")] | None = None
    """At most so many words."""
    min_tokens: Annotated[NotNegative, Of("tokens")] | None = None
    """Tokens of the recipe's tokenizer, without special ones; it must not be trained on the rows
    that are filtered."""
    max_tokens: Annotated[NotNegative, Of("tokens")] | None = None
    """At most so many tokens."""
    min_seconds: Annotated[Amount, Of("seconds")] | None = None
    """Length of a clip."""
    max_seconds: Annotated[Amount, Of("seconds")] | None = None
    """At most so many seconds."""
    min_width: Pixels | None = None
    """Pixels of an image, as it is seen (turned upright)."""
    max_width: Pixels | None = None
    """At most so many pixels across."""
    min_height: Pixels | None = None
    """Pixels of an image from top to bottom."""
    max_height: Pixels | None = None
    """At most so many pixels from top to bottom."""
    min: float | None = None
    """The least that a number may be."""
    max: float | None = None
    """The largest that a number may be."""
    allowed: Values | None = None
    """The values that it may have; where a row has several, as tags, all of them must be among
    these."""
    forbidden: Values | None = None
    """Values that it must not have; where a row has several, none of them."""
    matches: Regular | None = None
    """A regular expression (Python's `re`) that is found somewhere in the text."""
    lacks: Regular | None = None
    """A regular expression that is found nowhere in the text."""


def said(rule: ColumnFilter) -> dict[str, object]:
    """What a rule asks, by condition, in the order of the spec."""
    every = {name: getattr(rule, name) for name in ColumnFilter.model_fields}
    return {name: value for name, value in every.items() if value is not None}


def by_tokens(rules: Mapping[str, ColumnFilter]) -> list[str]:
    """The columns that are asked for tokens."""
    return [
        column
        for column, rule in rules.items()
        if rule.min_tokens is not None or rule.max_tokens is not None
    ]
