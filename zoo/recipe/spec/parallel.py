"""The section `parallel`: what is split, moved, recomputed or sent."""

from typing import Annotated, Any, Literal

from pydantic import Field

from zoo.recipe.spec.compression import CompressionSpec
from zoo.recipe.spec.words import Of, Off, Positive, Spec


class PipelineSpec(Spec):
    """How the layers are dealt out to pipeline stages."""

    stages: Annotated[Positive, Of("stages")] = 1
    """How many stages, 1 is no pipeline; stages times `tensor` must divide the processes."""
    balance: Literal["parameters", "layers", "time"] = "parameters"
    """What each stage gets about the same of: parameters, layers, or time as measured."""


class ParallelSpec(Spec):
    """What is split, moved, recomputed or sent; take it away and the mathematics stays."""

    zero: dict[str, Any] = Field(default_factory=lambda: {"stage": 0})
    """DeepSpeed's zero_optimization, word for word."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass."""
    pipeline: PipelineSpec = PipelineSpec()
    """Layers dealt out to stages, through which micro-batches follow one another."""
    tensor: Annotated[Positive, Of("ranks")] = 1
    """How many ranks share each large matrix; keep them on one machine. 1 cuts none."""
    gradient_dtype: Literal["fp32", "bf16"] = "fp32"
    """What gradients are summed and reduced in where `run.precision` is bf16 or fp16. `bf16` halves
    their traffic and memory; sums of many micro-batches then lose about 1 %."""
    compression: CompressionSpec | Off = False
    """What data ranks send in place of whole gradients: fewer bits, fewer entries, less often."""
