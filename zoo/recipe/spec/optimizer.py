"""The section `optimizer`: everything about the update."""

from typing import Any, Literal

from pydantic import Field

from zoo.recipe.spec.words import Amount, Share, Spec, Text


class Scheduler(Spec):
    """A learning-rate schedule as DeepSpeed writes it."""

    type: Text
    """Which schedule."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters; numbers of steps may be shares of the run."""


class OptimizerSpec(Spec):
    """Everything about the update; a DeepSpeed `optimizer` section is accepted as it is."""

    type: Text
    """Which optimizer (case-insensitive)."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters, as DeepSpeed and torch name them."""
    weight_decay_on: Literal["matrices", "all"] = "matrices"
    """`matrices` decays only parameters of two or more dimensions."""
    groups: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Other parameters by pattern; every match applies, a later one wins key by key."""
    layer_decay: Share | None = None
    """Rates fall with depth: times this once for every layer above, the head's not at all, those of
    the embeddings most; a rate that `groups` names stays."""
    scheduler: Scheduler | None = None
    """Learning-rate schedule; absent or false: constant."""
    gradient_clipping: Amount = 0.0
    """Largest norm of the gradient; 0 clips nothing."""
