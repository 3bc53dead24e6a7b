"""The words that several sections of a recipe share: shares, ranges, counts, rhythms."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Spec(BaseModel):
    """A part of a recipe: frozen, strict, without unknown keys and without behaviour."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("two numbers, the lower one first")
    return value


def _positive(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] <= 0:
        raise ValueError("two numbers above 0")
    return value


Share = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Count = NotNegative | Share
Rhythm = NotNegative | Literal["epoch"]
Range = Annotated[tuple[float, float], AfterValidator(_rising)]
PositiveRange = Annotated[Range, AfterValidator(_positive)]
Off = Literal[False]
Text = Annotated[str, Field(min_length=1)]
