"""Whether scores lie where the recipe expects them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zoo.recipe import Recipe
from zoo.recipe.spec.run import Band


@dataclass(frozen=True)
class Verdict:
    """One expected score: its value (None: it was not scored, or is not finite) and its band."""

    score: str
    value: float | None
    low: float | None
    high: float | None

    @property
    def inside(self) -> bool:
        """Whether the value lies in the band, ends included."""
        low, high = (self.low, self.high)
        if self.value is None:
            return False
        return (low is None or self.value >= low) and (high is None or self.value <= high)

    def __str__(self) -> str:
        low, high = (None if end is None else f"{end:g}" for end in (self.low, self.high))
        band = (
            f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
        )
        if self.value is None:
            return f"not scored, expected {band}"
        return (
            f"{self.value:.6g}, {'inside' if self.inside else 'outside'} what is expected: {band}"
        )


def verdicts(recipe: Recipe, scores: Mapping[str, Any]) -> list[Verdict]:
    """What the recipe expects, beside an evaluation's row of metrics."""
    found = []
    for name, band in recipe.run.expected.items():
        low, high = (band.min, band.max) if isinstance(band, Band) else band
        found.append(Verdict(name, scores.get(name), low, high))
    return found


def told(found: list[Verdict]) -> dict[str, Any]:
    """The same for status.json."""
    return {"expected": {one.score: asdict(one) | {"inside": one.inside} for one in found}}
