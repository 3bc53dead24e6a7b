"""The conditions of `data.filter` on rows: which rows each of them lets go."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.filtering.values import MEASURES, NAMED, TEXTS, Tokens, names_of, texts_of
from zoo.data.rows import UNREADABLE, CorruptExample, Rows
from zoo.recipe.vocabulary.roles import ROLES


@dataclass(frozen=True)
class Condition:
    """One condition on a column: `name` is a role of the rows or a column beside them, `written`
    what the recipe calls it.
    """

    written: str
    name: str
    asks: str
    value: Any

    @property
    def rule(self) -> str:
        """What it is called where rows that it drops are counted."""
        return f"{self.written}.{self.asks}"

    def misfit(self, role: bool) -> str:
        """What its column would have to be, where a role is none of it; else nothing."""
        how = ROLES[self.name].how if role and self.name in ROLES else ""
        measure = self.asks.removeprefix("min").removeprefix("max").removeprefix("_")
        if measure == "seconds":
            return "" if how == "audio" else "a condition on clips"
        if self.asks in ("allowed", "forbidden"):
            hows: tuple[str, ...] = NAMED
        else:
            hows = MEASURES[measure][0] if measure in MEASURES else TEXTS
        fits = how in hows or (not how and "text" in hows)
        allowed = sorted(role for role, one in ROLES.items() if one.how in hows)
        return "" if fits else f"a condition on columns such as {', '.join(allowed)}"


class Judged:
    """Conditions on rows, asked stretch by stretch, in whatever process; `seconds` is the .npy of
    the rows' lengths, where one of them is about those.
    """

    def __init__(
        self,
        rows: Rows,
        conditions: Sequence[Condition],
        tokens: Tokens | None,
        classes: Sequence[str] | None,
        seconds: Path | None,
    ) -> None:
        self.rows, self.conditions, self.tokens = rows, conditions, tokens
        self.classes, self.seconds = classes, seconds
        self.names = [one.name for one in conditions if not one.asks.endswith("_seconds")]

    def broken(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """(the number of the first condition that each of rows [begin, end) breaks, -1: none,
        int64; which of them cannot be read, bool).
        """
        columns = {name: self.rows.between(name, begin, end) for name in dict.fromkeys(self.names)}
        first = np.full(end - begin, -1)
        unread = np.zeros(end - begin, dtype=bool)
        for values in columns.values():
            unread |= np.array([value is UNREADABLE for value in values], dtype=bool)
        for number, condition in enumerate(self.conditions):
            asked = np.flatnonzero((first < 0) & ~unread)
            if condition.asks.endswith("_seconds"):
                assert self.seconds is not None
                amounts = np.load(self.seconds, mmap_mode="r")[begin:end][asked]
                kept = _within(condition, amounts) | np.isnan(amounts)
            else:
                values = columns[condition.name]
                kept = self._kept(condition, [values[place] for place in asked])
            first[asked[~kept]] = number
        return first, unread

    def _kept(self, condition: Condition, values: list[Any]) -> np.ndarray:
        """Which values a condition lets stay, bool."""
        asks, wanted = condition.asks, condition.value
        if asks.endswith("_tokens"):
            return _within(condition, self._tokens(values))
        if asks in ("allowed", "forbidden"):
            named = names_of(list(wanted), None)
            fits = named.issuperset if asks == "allowed" else named.isdisjoint
            return _each(values, lambda value: fits(names_of(value, self.classes)))
        if asks in ("matches", "lacks"):
            search, there = re.compile(wanted).search, asks == "matches"
            return _each(values, lambda value: any(map(search, texts_of(value))) == there)
        amount = MEASURES[asks.removeprefix("min").removeprefix("max").removeprefix("_")][1]
        found = [_amount(amount, value) for value in values]
        return _within(condition, np.array(found, dtype=np.float64))

    def _tokens(self, values: list[Any]) -> np.ndarray:
        """How many tokens each value has; NaN where there is nothing."""
        assert self.tokens is not None
        texts = [[] if value is None else texts_of(value) for value in values]
        counts = iter(self.tokens.count([text for several in texts for text in several]))
        return np.array(
            [
                np.nan if value is None else sum(next(counts) for _ in several)
                for value, several in zip(values, texts, strict=True)
            ],
            dtype=np.float64,
        )


def _each(values: list[Any], fits: Callable[[Any], bool]) -> np.ndarray:
    return np.array([value is not None and fits(value) for value in values], dtype=bool)


def _amount(measure: Callable[[Any], float | None], value: Any) -> float:
    """How much a value is; NaN of nothing, and no bound of what cannot be read."""
    try:
        found = None if value is None else measure(value)
    except CorruptExample:
        return np.inf  # see _within
    return np.nan if found is None else found


def _within(condition: Condition, amounts: np.ndarray) -> np.ndarray:
    """Which amounts keep a bound; NaN keeps none, and what cannot be read (infinite) stays."""
    least = condition.asks.startswith("min")
    kept = amounts >= condition.value if least else amounts <= condition.value
    found: np.ndarray = kept | np.isinf(amounts)
    return found
