"""Rules about ZeRO: what it offloads, quantises and builds by itself."""

from zoo.recipe.checks.rules.rule import Rule, Say
from zoo.recipe.derived.exchange import zero_stage
from zoo.recipe.recipe import Recipe

PLUS_PLUS = (
    "zero_quantized_weights",
    "zero_quantized_gradients",
    "zero_quantized_nontrainable_weights",
)


def offload_device(recipe: Recipe, key: str) -> str:
    """Where a part of ZeRO is offloaded to; `none` where it is not."""
    offload = recipe.parallel.zero.get(key)
    return str(offload.get("device", "none")) if isinstance(offload, dict) else "none"


def offload_below(key: str, least: int) -> Say:
    """Offload at a stage that does not partition what is offloaded."""

    def found(recipe: Recipe) -> str:
        place, stage = offload_device(recipe, key), zero_stage(recipe)
        return f"{place} with stage {stage}" if place != "none" and stage < least else ""

    return found


def offload_to_nvme(key: str) -> Say:
    """Offload to a disk."""
    return lambda recipe: '"nvme"' if offload_device(recipe, key) == "nvme" else ""


def quantized_below_3(recipe: Recipe) -> str:
    """ZeRO++ without stage 3."""
    zero, stage = recipe.parallel.zero, zero_stage(recipe)
    used = [key for key in PLUS_PLUS if zero.get(key)]
    if zero.get("zero_hpz_partition_size", 1) > 1:
        used.append("zero_hpz_partition_size")
    return f"{stage} with {', '.join(used)}" if used and stage < 3 else ""


def optimizers_of_deepspeed(recipe: Recipe) -> str:
    """Words by which DeepSpeed would build an optimizer of its own."""
    zero, used = recipe.parallel.zero, []
    if "zenflow" in zero:
        used.append("zenflow")
    offload = zero.get("offload_optimizer")
    if isinstance(offload, dict) and offload.get("super_offload"):
        used.append("offload_optimizer.super_offload")
    return ", ".join(used)


def without_them(recipe: Recipe) -> str:
    """The words that take them away."""
    used = optimizers_of_deepspeed(recipe).split(", ")
    return " ".join(f"parallel.zero.{key}=unset" for key in used)


def norm_off(recipe: Recipe) -> str:
    """The gradient norm switched off."""
    return "false" if recipe.parallel.zero.get("compute_grad_norm") is False else ""


ZERO_RULES = (
    Rule(
        "optimizer offload",
        "parallel.zero.offload_optimizer",
        offload_below("offload_optimizer", 1),
        "parallel.zero.stage 1, 2 or 3",
        "DeepSpeed offloads only what ZeRO partitions",
        "parallel.zero.stage=2",
        beside=("parallel.zero.stage",),
    ),
    Rule(
        "parameter offload",
        "parallel.zero.offload_param",
        offload_below("offload_param", 3),
        "parallel.zero.stage 3",
        "only stage 3 partitions parameters",
        "parallel.zero.stage=3",
        beside=("parallel.zero.stage",),
    ),
    Rule(
        "optimizer state in memory",
        "parallel.zero.offload_optimizer.device",
        offload_to_nvme("offload_optimizer"),
        "none, cpu",
        "checkpoints read the optimizer's state in memory",
        "parallel.zero.offload_optimizer.device=cpu",
    ),
    Rule(
        "parameters in memory",
        "parallel.zero.offload_param.device",
        offload_to_nvme("offload_param"),
        "none, cpu",
        "checkpoints read the parameters in memory",
        "parallel.zero.offload_param.device=cpu",
    ),
    Rule(
        "ZeRO++",
        "parallel.zero.stage",
        quantized_below_3,
        "3",
        "ZeRO++ is made of stage 3's collectives",
        "parallel.zero.stage=3",
    ),
    Rule(
        "own optimizers",
        "parallel.zero",
        optimizers_of_deepspeed,
        "ZeRO without them",
        "DeepSpeed builds these optimizers itself, the zoo hands over an instance",
        without_them,
    ),
    Rule(
        "gradient norm",
        "parallel.zero.compute_grad_norm",
        norm_off,
        "true",
        "the norm is logged at every stage",
        "parallel.zero.compute_grad_norm=true",
    ),
)
