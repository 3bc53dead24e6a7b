"""The section `optimizer`: everything about the update."""

from typing import Any, Literal

from pydantic import Field

from zoo.recipe.spec.words import Amount, Folder, Share, Spec, Steps, Text


class Scheduler(Spec):
    """A learning-rate schedule as DeepSpeed writes it."""

    type: Text
    """Which schedule."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters; numbers of steps may be shares of the run."""


class MovingAverage(Spec):
    """An exponential moving average of the weights, kept beside them in fp32."""

    decay: Share
    """Share of the average that a step leaves, once the warm-up is over."""
    warmup_steps: Steps = 0
    """The share grows as 1 - exp(-step / this) (steps, or a share of the run); 0: it does not."""
    evaluate: bool = True
    """Score, and export, the average in place of the trained weights."""


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
    the embeddings (which metrics show) most; a rate that `groups` names stays."""
    ema: MovingAverage | None = None
    """A moving average of the weights; absent: none is kept."""
    state: Folder | None = None
    """Another run's folder, or one of its checkpoints: its moments, and how often they were
    updated, are what the optimizer starts from. Steps and schedule begin anew."""
    scheduler: Scheduler | None = None
    """Learning-rate schedule; absent or false: constant."""
    gradient_clipping: Amount = 0.0
    """Largest norm of the gradient; 0 clips nothing."""
