"""The section `task`: how an example becomes tensors, a loss and a score; `kind` decides."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.words import Spec, Text


class TaskSpec(Spec):
    """How an example becomes tensors, a loss and a score; each kind has its own."""

    kind: str
    """Which task: decides the other keys of this section."""


Smoothing = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(gt=0)]


class ClassificationSpec(TaskSpec):
    """What every classification may say."""

    problem: str = "single-label"
    """What a row's label is; each kind has its own."""
    class_weights: (
        Literal["balanced"]
        | Annotated[tuple[Weight, ...], Field(min_length=2)]
        | Annotated[dict[Text, Weight], Field(min_length=1)]
        | None
    ) = None
    """What an example of each class weighs in training: in id order, by name (others weigh 1), or
    "balanced": the rarer a class is among the train rows, the more. The loss is divided by the sum
    of weights, as torch's cross entropy does. Absent: 1 each."""
    label_smoothing: Smoothing = 0.0
    """Share of the target spread over all classes (training only)."""
