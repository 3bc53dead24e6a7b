"""The section `task`: how an example becomes tensors, a loss and a score; `kind` decides."""

from typing import Annotated

from pydantic import Field

from zoo.recipe.spec.words import Spec


class TaskSpec(Spec):
    """How an example becomes tensors, a loss and a score; each kind has its own."""

    kind: str
    """Which task: decides the other keys of this section."""


Smoothing = Annotated[float, Field(ge=0, lt=1)]
