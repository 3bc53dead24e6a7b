"""What data ranks send in place of whole gradients: one spec a kind."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.words import Of, Positive, Probability, Spec, Steps


class Short(Spec):
    """Gradients in fewer bits, without memory of what was rounded off."""

    kind: Literal["bf16", "fp16", "int8"]
    """How gradients travel: decides the other keys of this section."""


class Int4(Spec):
    """Gradients in four bits, what was rounded off sent later."""

    kind: Literal["int4"]
    """How gradients travel: decides the other keys of this section."""
    start: Steps = 0.1
    """Steps (or a share of them) with whole gradients before; then Adam's variance stays."""


class TopK(Spec):
    """Deep Gradient Compression (arXiv 1712.01887): the largest entries, the rest waits."""

    kind: Literal["top-k"]
    """How gradients travel: decides the other keys of this section."""
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.01
    """The share of entries that is sent."""
    start: Steps = 0.1
    """Steps (or a share) until then: SGD's share falls to `ratio` in stages, Adam's is whole."""
    mask: bool = True
    """Sent entries lose their momentum; for a `ratio` up to 0.01."""


class PowerSGD(Spec):
    """Gradients as products of two thin matrices (arXiv 1905.13727)."""

    kind: Literal["power-sgd"]
    """How gradients travel: decides the other keys of this section."""
    rank: Annotated[Positive, Of("columns")] = 4
    """Columns of the two matrices."""
    start: Steps = 0.1
    """Steps (or a share of them) with whole gradients before; then Adam's variance stays."""


class LocalSGD(Spec):
    """Steps on every rank alone, and a common one every so often (DiLoCo, arXiv 2311.08105)."""

    kind: Literal["local-sgd"]
    """How gradients travel: decides the other keys of this section."""
    every: Annotated[Positive, Of("steps")] = 16
    """Steps between two meetings."""
    start: Steps = 0.1
    """Steps (or a share of them) together before."""
    outer_lr: Annotated[float, Field(gt=0)] = 1.0
    """Rate of the common step; 1 without momentum is plain averaging, the paper takes 0.7."""
    outer_momentum: Probability = 0.0
    """Nesterov momentum of the common step; the paper takes 0.9, below 20 meetings 0.5 serves."""


CompressionSpec = Annotated[
    Short | Int4 | TopK | PowerSGD | LocalSGD,
    Field(discriminator="kind"),
]
