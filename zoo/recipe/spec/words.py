"""The words that several sections of a recipe share: shares, ranges, counts, rhythms."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError


class Spec(BaseModel):
    """A part of a recipe: frozen, strict, without unknown keys and without behaviour."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


UNIT = "unit"
"""The word of a schema's node that says what a number counts."""


@dataclass(frozen=True)
class Of:
    """What a number counts, as `Annotated[Positive, Of("tokens")]`: `zoo explain` says so."""

    unit: str

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """See pydantic: the schema with the unit beside the type."""
        return {**handler(core_schema), UNIT: self.unit}


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("two numbers, the lower one first")
    return value


def _positive(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] <= 0:
        raise ValueError("two numbers above 0")
    return value


TOO_LARGE = "too_large"
"""The type of pydantic's error for a number beyond the bounds below."""
MOST = 2**53
"""The largest count: beyond it floats, and so shares and epochs, no longer tell steps apart."""
MOST_SEED = 2**63 - 1


def _count(value: int) -> int:
    if value > MOST:
        raise PydanticCustomError(TOO_LARGE, f"a whole number of at most {MOST}")
    return value


def _seed(value: int) -> int:
    if value > MOST_SEED:
        raise PydanticCustomError(TOO_LARGE, f"a whole number of at most {MOST_SEED}")
    return value


def _passes(value: float) -> float:
    if value > MOST:
        raise PydanticCustomError(TOO_LARGE, f"a number of at most {MOST}")
    return value


def _path(value: str) -> str:
    if value.startswith("~"):
        raise ValueError("a path; ~ is followed by / or the name of a user of this machine")
    if "\0" in value or any(len(part.encode()) > 255 for part in value.split("/")):
        raise ValueError("a path: no NUL, and at most 255 bytes between two slashes")
    return value


def _mean(value: str) -> str:
    if not re.fullmatch(r"average-([2-9]|[1-9][0-9]+)", value):
        raise ValueError("last, best, or average-N with an N of at least 2")
    return value


UNITS = {"B": 1} | {
    f"{letter}{more}": (1024 if more == "iB" else 1000) ** power
    for power, letter in enumerate("kMGT", 1)
    for more in ("B", "iB")
}
"""Bytes of each unit that an amount of bytes may be written in."""


def _bytes(value: str) -> str:
    units = "|".join(UNITS)
    found = re.fullmatch(rf"([0-9]+(?:\.[0-9]+)?) ?(?:{units})", value)
    if found is None or not float(found[1]):
        raise ValueError('bytes: a whole number, or one with its unit, as in "50 GB"')
    return value


def is_url(place: str) -> bool:
    """Whether a folder is one of a server, as in s3://bucket/folder, and not of this machine."""
    return re.match(r"[a-z][a-z0-9+.-]*://", place, re.IGNORECASE) is not None


Share = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1), AfterValidator(_count)]
TwoOrMore = Annotated[int, Field(ge=2), AfterValidator(_count)]
NotNegative = Annotated[int, Field(ge=0), AfterValidator(_count)]
Seed = Annotated[int, Field(ge=0), AfterValidator(_seed)]
Passes = Annotated[float, Field(gt=0), AfterValidator(_passes), Of("epochs")]
Amount = Annotated[float, Field(ge=0)]
Steps = Annotated[NotNegative, Of("steps")] | Annotated[Share, Of("a share of the run")]
Rhythm = Annotated[NotNegative, Of("steps")] | Literal["epoch"]
Range = Annotated[tuple[float, float], AfterValidator(_rising)]
PositiveRange = Annotated[Range, AfterValidator(_positive)]
Off = Literal[False]
Text = Annotated[str, Field(min_length=1)]
MeanOf = Annotated[Text, AfterValidator(_mean)]
Seconds = Annotated[float, Field(gt=0), Of("seconds")]
Pixels = Annotated[Positive, Of("pixels")]
Tokens = Annotated[TwoOrMore, Of("tokens")]
Bytes = Annotated[Positive, Of("bytes")] | Annotated[Text, AfterValidator(_bytes)]
Folder = Annotated[Text, AfterValidator(_path)]
