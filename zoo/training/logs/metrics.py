"""The rows of metrics.jsonl, as those read them who follow or cut it; without torch."""

import json
import math
from collections.abc import Mapping
from typing import Any

METRICS, SUPERSEDED = "metrics.jsonl", "metrics-superseded.jsonl"
EVENTS = "events.jsonl"


def row_of(line: str) -> tuple[float, bool]:
    """The step of a row of metrics, infinite for a line that was torn, and whether it is scores."""
    try:
        row = json.loads(line)
        return float(row["step"]), any(key.startswith("valid/") for key in row)
    except (ValueError, KeyError, TypeError):
        return float("inf"), False


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested values by their dotted keys; lists as JSON."""
    if isinstance(value, dict):
        inner = [flat(part, f"{path}.{key}" if path else key) for key, part in value.items()]
        return {key: one for part in inner for key, one in part.items()}
    return {path: json.dumps(value) if isinstance(value, list) else value}


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """A row's numbers but the step; null, which stands for what is not finite, becomes NaN."""
    known = {key: math.nan if one is None else one for key, one in row.items() if key != "step"}
    return {key: one for key, one in known.items() if isinstance(one, int | float)}
