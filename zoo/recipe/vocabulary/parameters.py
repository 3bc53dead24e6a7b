"""What a parameter of an optimizer or a schedule may be, means, and is when nobody says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
"""A piece of a JSON Schema: what a value may be."""

AMOUNT: Node = {"type": "number", "minimum": 0}
POSITIVE: Node = {"type": "number", "exclusiveMinimum": 0}
MOMENTUM: Node = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
BETAS: Node = {"type": "array", "items": MOMENTUM, "minItems": 2, "maxItems": 2}
SWITCH: Node = {"type": "boolean"}
WHOLE_STEPS: Node = {"type": "integer", "minimum": 1}
STEPS: Node = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    ]
}
"""Steps, or a share of the run."""
STEPS_OR_NONE: Node = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    ]
}
"""The same of something that there need not be."""
RATIO: Node = {"type": "number", "minimum": 0, "maximum": 1}


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be, what it means, and what it is when the recipe is silent.

    A default of None: another rule fills it in. `per_group`: `optimizer.groups` may change it.
    """

    node: Node
    doc: str
    default: Any = None
    per_group: bool = False
    required: bool = False


Parameters = Mapping[str, Parameter]


def defaults(parameters: Parameters) -> dict[str, Any]:
    """The value of every parameter that has one when the recipe is silent."""
    return {name: one.default for name, one in parameters.items() if one.default is not None}


def counts(parameters: Parameters) -> list[str]:
    """The parameters that are numbers of steps and may be shares of the run."""
    return [name for name, one in parameters.items() if one.node in (STEPS, STEPS_OR_NONE)]
