"""One value of a column, as the role that reads it takes it; what it does not take is corrupt."""

import datetime
import decimal
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.data.audio import LONGEST, Stretch
from zoo.data.objects import Objects

_NUMBERS = (int, float, decimal.Decimal)
_WRITTEN_OUT = (*_NUMBERS, datetime.date, datetime.time, datetime.timedelta)

_CHANNELS = 1024  # more than any recording has; libsndfile reads as many
_FLAGS = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


class Odd(Exception):
    """A value of a type that its role does not read; the message says which."""


class Written(str):
    """A number as a JSON file writes it."""

    __slots__ = ()


def as_text(value: Any) -> str | None:
    """The characters of a value; None where there is none (a NaN is none). Raises Odd."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        if not is_text(value):
            raise Odd("not UTF-8")
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _WRITTEN_OUT):
        return str(value)
    raise Odd(spoken(value))


def as_label(value: Any, names: Sequence[str] | None = None) -> str | None:
    """A class name as it stands, or of `names` where the value is an id in them (-1: no label).

    A whole number that a column keeps as a float is written without its point. Raises Odd.
    """
    if names is not None and isinstance(value, int):
        if value >= len(names):
            raise Odd(f"{value}, the id of no class")
        return names[value] if value >= 0 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return as_filled(value)


def as_number(value: Any) -> float | int | None:
    """A number, whether it is one or is written as one; None where there is none. Raises Odd."""
    text = value if type(value) is Written else as_label(value)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        raise Odd(f"{text[:40]!r}, no number") from None
    if not math.isfinite(number):
        raise Odd(f"{text}, no number")
    return int(number) if number.is_integer() and "." not in text else number


def as_labels(value: Any, names: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """All class names of a row, each as `as_label` gives it: those of a list, of several columns
    those that hold a 1, or the one that it is; a list may be empty. Raises Odd.
    """
    value = _listed(value)
    if isinstance(value, Mapping):
        return tuple(name for name, one in value.items() if _is_set(name, one))
    if not isinstance(value, list | tuple):
        alone = as_label(value, names)
        return None if alone is None else (alone,)
    found = [as_label(one, names) for one in value]
    if None in found:
        raise Odd("a list with nothing in a place")
    return tuple(dict.fromkeys(one for one in found if one is not None))


def as_numbers(value: Any) -> tuple[float, ...] | None:
    """All numbers of a row: those of a list, of several columns, or the one that it is. Raises Odd
    where one of several is missing.
    """
    value = _listed(value)
    several = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(several, list | tuple):
        alone = as_number(several)
        return None if alone is None else (float(alone),)
    found = [as_number(one) for one in several]
    if not found or None in found:
        raise Odd("a list with no number in a place" if found else "a list of no number")
    return tuple(float(one) for one in found if one is not None)


def _listed(value: Any) -> Any:
    """A list that a cell of text holds, as JSON; all else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_set(name: str, value: Any) -> bool:
    """Whether a column of 0 and 1 says 1."""
    text = as_label(value) or ""
    if text.lower() not in _FLAGS:
        raise Odd(f"{name} is {text[:40]!r}, not 0 or 1")
    return _FLAGS[text.lower()]


def as_media(value: Any) -> bytes | str | Stretch | None:
    """The bytes of an image or a clip, or its path, or the stretch of such a clip that an object
    says with `offset`, `duration` and `channel`; None where there is none. Raises Odd.
    """
    if isinstance(value, dict | Mapping) and ("bytes" in value or "path" in value):
        source = as_media(value.get("bytes") or value.get("path"))
        given = [value.get(name) for name in ("offset", "duration", "channel")]
        part = source is not None and any(one is not None for one in given)
        return _stretch(source, *given) if part else source
    if value is None or isinstance(value, bytes):
        return value or None
    if not isinstance(value, str) or isinstance(value, Written):
        raise Odd(f"{spoken(value)}, no path")
    if "\0" in value or not is_text(value):
        raise Odd(f"{value[:40]!r}, no path")
    return value or None


def _stretch(source: Any, offset: Any, duration: Any, channel: Any) -> Stretch:
    start, seconds, heard = as_number(offset), as_number(duration), as_number(channel)
    whole = heard is None or (isinstance(heard, int) and 0 <= heard <= _CHANNELS)
    if (start or 0) < 0 or not (seconds is None or 0 < seconds <= LONGEST) or not whole:
        raise Odd(f"offset {start}, duration {seconds}, channel {heard}, no part of a clip")
    length = None if seconds is None else float(seconds)
    return Stretch(source, float(start or 0), length, None if heard is None else int(heard))


def as_messages(value: Any) -> Any:
    """A chat as it stands: a list, or text that may hold one. Raises Odd."""
    if isinstance(value, Written) or not isinstance(value, str | list | None):
        raise Odd(spoken(value))
    if value and not is_text(json.dumps(value, ensure_ascii=False, default=str)):
        raise Odd("not UTF-8")
    return value or None


def as_flag(value: Any) -> int | None:
    """1 of true, 0 of false, whichever way it is written; None of nothing. Raises Odd."""
    text = as_label(value)
    if text is None:
        return None
    if text.lower() not in _FLAGS:
        raise Odd(f"{text[:40]!r}, not true or false")
    return int(_FLAGS[text.lower()])


def as_said(value: Any, may_be_blank: bool = False) -> Any:
    """A text, or turns of a chat: a list, or text that is one of messages as JSON. Raises Odd."""
    if isinstance(value, list):
        return as_messages(value)
    text = as_text(value) if may_be_blank else as_filled(value)
    turns = _listed(text)
    chat = isinstance(turns, list) and bool(turns)
    chat = chat and all(isinstance(one, Mapping) and "role" in one for one in turns)
    return turns if chat else text


def as_objects(value: Any, names: Sequence[str] | None = None) -> Objects | None:
    """The objects of an image, with the names of their classes. Raises Odd."""
    if value is None or value == "":
        return None

    def class_of(one: Any) -> str:
        name = as_label(one, names)
        if name is None:
            raise Odd("an object without a class")
        return name

    try:
        return Objects.read(value, class_of)
    except ValueError as error:
        raise Odd(str(error)) from None


def as_filled(value: Any) -> str | None:
    """The characters of a value; None where there are none but blanks. Raises Odd."""
    text = as_text(value)
    return text if text and text.strip() else None


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8: it holds no half of a character."""
    if value.isascii():  # known without looking
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def spoken(value: object) -> str:
    """What kind of thing a value is, as a message says it."""
    kinds = {list: "a list", bytes: "bytes", bool: "true or false"}
    if isinstance(value, Mapping):
        return "an object"
    if type(value) in kinds:
        return kinds[type(value)]
    if isinstance(value, Written | int | float):
        return "a number"
    return "text" if isinstance(value, str) else type(value).__name__
