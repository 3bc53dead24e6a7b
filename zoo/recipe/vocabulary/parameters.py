"""What a parameter of an optimizer or a schedule may be: JSON Schema nodes with defaults."""

from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
"""A piece of a JSON Schema: what a value may be."""


AMOUNT: Node = {"type": "number", "minimum": 0}


POSITIVE: Node = {"type": "number", "exclusiveMinimum": 0}


MOMENTUM: Node = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}


BETAS: Node = {"type": "array", "items": MOMENTUM, "minItems": 2, "maxItems": 2}


SWITCH: Node = {"type": "boolean"}


STEPS: Node = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    ]
}


RATIO: Node = {"type": "number", "minimum": 0, "maximum": 1}


WARMUP_TYPE: Node = {"enum": ["log", "linear"]}


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be, and what it is when the recipe is silent (None: its own rule)."""

    node: Node
    default: Any = None
    per_group: bool = True


def _whole(node: Node, default: Any = None) -> Parameter:
    return Parameter(node, default, per_group=False)


WHOLE_STEPS: Node = {"type": "integer", "minimum": 1}
