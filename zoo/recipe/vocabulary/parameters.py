"""What a parameter of an optimizer or a schedule may be, means, and is when nobody says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.recipe.spec.words import UNIT

Node = dict[str, Any]
"""A piece of a JSON Schema: what a value may be."""

AMOUNT: Node = {"type": "number", "minimum": 0}
POSITIVE: Node = {"type": "number", "exclusiveMinimum": 0}
MOMENTUM: Node = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
BETAS: Node = {"type": "array", "items": MOMENTUM, "minItems": 2, "maxItems": 2}
SWITCH: Node = {"type": "boolean"}
WHOLE_STEPS: Node = {"type": "integer", "minimum": 1, UNIT: "steps"}
_SHARE: Node = {
    "type": "number",
    "exclusiveMinimum": 0,
    "exclusiveMaximum": 1,
    UNIT: "a share of the run",
}
STEPS: Node = {"anyOf": [WHOLE_STEPS, _SHARE]}
"""Steps, or a share of the run."""
STEPS_OR_NONE: Node = {"anyOf": [{"type": "integer", "minimum": 0, UNIT: "steps"}, _SHARE]}
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

    @property
    def described(self) -> Node:
        """The node with its sentence and its default."""
        default = {} if self.default is None else {"default": self.default}
        return {**self.node, "description": self.doc, **default}


Parameters = Mapping[str, Parameter]


def defaults(parameters: Parameters) -> dict[str, Any]:
    """The value of every parameter that has one when the recipe is silent."""
    return {name: one.default for name, one in parameters.items() if one.default is not None}


def counts(parameters: Parameters) -> list[str]:
    """The parameters that are numbers of steps and may be shares of the run."""
    return [name for name, one in parameters.items() if one.node in (STEPS, STEPS_OR_NONE)]
