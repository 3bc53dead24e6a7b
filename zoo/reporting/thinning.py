"""Curves of any length as a page holds them: of each stretch the least and the most."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.reporting.reading import Curve

BUDGET = 16_000
"""Points of all curves of a page."""
LEAST = 100
"""Points that any curve may have."""
SHARE = 0.02
"""The half-life of the smoothing, as a share of the rows."""


@dataclass(frozen=True)
class Thinned:
    """Points of a curve, each a row of metrics.jsonl; `rows` is how many there were."""

    steps: list[int]
    values: list[float | None]
    rows: int

    def content(self) -> dict[str, Any]:
        """It for the page's block of data."""
        kept = "every row" if self.rows == len(self.steps) else "least and most of each stretch"
        return {"rows": self.rows, "kept": kept, "steps": self.steps, "values": self.values}


def most_points(curves: int) -> int:
    """How many points each of so many curves may have."""
    return max(LEAST, BUDGET // max(curves, 1))


def thinned(curve: Curve, most: int) -> Thinned:
    """At most about `most` points: all, or the first, the last, and of stretches of equally many
    rows the rows of the least and the most value, and the first that is not finite.
    """
    count = len(curve.steps)
    if count <= most:
        return Thinned(list(curve.steps), list(curve.values), count)
    values = np.array([math.nan if one is None else one for one in curve.values])
    kept = {0, count - 1}
    for part in np.array_split(np.arange(count), max(1, most // 2)):
        stretch = values[part]
        if not np.isfinite(stretch).all():
            kept.add(int(part[np.argmin(np.isfinite(stretch))]))
        if np.isfinite(stretch).any():
            kept |= {int(part[np.nanargmin(stretch)]), int(part[np.nanargmax(stretch)])}
    places = sorted(kept)
    return Thinned([curve.steps[n] for n in places], [curve.values[n] for n in places], count)


def smoothed(curve: Curve, half_life: float) -> Curve:
    """The exponential mean of a curve, free of its start's bias; what is not finite is passed over.

    After `half_life` rows a value counts half.
    """
    decay = 0.5 ** (1 / half_life)
    total = weight = 0.0
    found: list[float | None] = []
    for value in curve.values:
        if value is not None:
            total, weight = decay * total + (1 - decay) * value, decay * weight + 1 - decay
        found.append(total / weight if weight else None)
    return Curve(curve.steps, found)


def half_life_of(rows: int) -> float:
    """In how many rows a value comes to count half where there are so many."""
    return max(1.0, round(rows * SHARE))


def spread_rows(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of some steps, evenly spread, the first and the last among them."""
    places = np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int)
    return [steps[place] for place in dict.fromkeys(places.tolist())]
