"""JSON as recipes need it: a key stands once, numbers are finite, mistakes have a line."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from zoo.errors import ConfigError, Fault
from zoo.recipe.compose.catalog import shown


def parse(text: str, file: str) -> Any:
    """The value of a JSON text; ConfigError says line and column, or which keys stand twice."""
    doubled: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        times = Counter(name for name, _ in pairs)
        doubled.extend(sorted(name for name, count in times.items() if count > 1))
        return dict(pairs)

    try:
        value = json.loads(
            text, object_pairs_hook=once, parse_constant=_not_finite, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ConfigError([Fault(file, where, error.msg, "JSON")]) from None
    except _NotFiniteError as error:
        raise ConfigError([Fault(file, "JSON", str(error), "finite numbers")]) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, endless brackets
        raise ConfigError([Fault(file, "JSON", "a value beyond all bounds", "JSON")]) from None
    if _deeper_than(value, 20):
        raise ConfigError([Fault(file, "JSON", "more than 20 objects in one another", "20")])
    if doubled:
        allowed = "a key once in an object"
        raise ConfigError([Fault(file, name, "the key twice", allowed) for name in doubled])
    return value


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ConfigError if it cannot be read or holds something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or "bytes that are not UTF-8"
        raise ConfigError([Fault(shown(path), "file", found, "a JSON file in UTF-8")]) from None
    value = parse(text, shown(path))
    if not isinstance(value, dict):
        raise ConfigError([Fault(shown(path), "file", brief(value), "an object")])
    return value


def brief(value: Any, width: int = 72) -> str:
    """A value as a message shows it: JSON, cut at `width` characters."""
    text = json.dumps(value)
    return text if len(text) <= width else text[: width - 3] + "..."


class _NotFiniteError(Exception):
    pass


def _not_finite(text: str) -> NoReturn:
    raise _NotFiniteError(text)


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _not_finite(text)


def _deeper_than(value: Any, levels: int) -> bool:
    """Whether objects and lists stand in one another more than so often."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner)
