"""The JSON that DeepSpeed gets."""

import sys
from typing import Any

from zoo.layout import Layout
from zoo.recipe.derived.batching import batching
from zoo.recipe.derived.exchange import averages_itself, clips_itself
from zoo.recipe.recipe import Recipe

# DeepSpeed's own progress line would be printed by every rank; the run prints its own.
NEVER = sys.maxsize
LARGEST_BUCKET = 500_000_000  # elements, DeepSpeed's default: deepspeed/runtime/zero/config.py


def deepspeed_config(recipe: Recipe, layout: Layout) -> dict[str, Any]:
    """The JSON handed to deepspeed.initialize, beside an optimizer that is an instance."""
    cut = batching(recipe, layout)
    precision = recipe.run.precision
    clipping = 0.0 if clips_itself(recipe) else recipe.optimizer.gradient_clipping
    zero = {"stage": 0} if averages_itself(recipe) else plain_linear(recipe.parallel.zero)
    # Cutting activations over tensor ranks is cached by shape, and shapes vary here.
    whole = {"pipe_partitioned": False, "grad_partitioned": False}
    return {
        "train_batch_size": cut.per_rank * cut.accumulation * layout.data,
        "train_micro_batch_size_per_gpu": cut.per_rank,
        "gradient_accumulation_steps": cut.accumulation,
        "gradient_clipping": clipping,
        "zero_optimization": zero,
        "bf16": {"enabled": precision == "bf16"},
        "fp16": {"enabled": precision == "fp16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": NEVER,
        "wall_clock_breakdown": False,
        # It waits for the device twice a micro-batch; our rows have the examples a second.
        "timers": {"throughput": {"enabled": False}},
        **sums(recipe, zero.get("stage", 0)),
        **({"pipeline": whole} if layout.pipe > 1 else {}),
    }


def plain_linear(zero: dict[str, Any]) -> dict[str, Any]:
    """The recipe's ZeRO section without DeepSpeed's own linear layer, unless the recipe asks.

    At stage 3 it replaces torch's for the whole process, and in half precision rounds twice, before
    and after the bias: `LinearFunctionForZeroStage3`, runtime/zero/linear.py.
    """
    return {"memory_efficient_linear": False, **zero} if zero.get("stage") == 3 else dict(zero)


def sums_in_fp32(recipe: Recipe) -> bool:
    """Whether gradients are wider than the weights: then micro-batches and ranks add up exactly."""
    return recipe.run.precision != "fp32" and recipe.parallel.gradient_dtype == "fp32"


def sums(recipe: Recipe, stage: int) -> dict[str, Any]:
    """DeepSpeed's words for gradients that are summed and reduced in fp32.

    At stage 0 it knows no sums but in the weights' type: the engine makes them.
    """
    if not sums_in_fp32(recipe):
        return {}
    wide = {"data_types": {"grad_accum_dtype": "fp32"}} if stage else {}
    return wide | {"communication_data_type": "fp32"}


def bucketed(config: dict[str, Any], elements: int) -> dict[str, Any]:
    """DeepSpeed's JSON with a reduction bucket no larger than the `elements` that a rank trains.

    DeepSpeed allocates the whole bucket, whatever the model; a size that the recipe says stays.
    """
    zero = {"reduce_bucket_size": min(LARGEST_BUCKET, max(1, elements))}
    return config | {"zero_optimization": zero | config["zero_optimization"]}
