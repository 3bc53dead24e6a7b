"""Rules about ZeRO, offload, pipelines and tensor ranks."""

from typing import Any

from zoo.recipe.checks.rules.rule import Rule, Say
from zoo.recipe.derived.exchange import zero_stage
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.tables import table

WHOLE_MATRICES = ("Lamb", "Muon")


def flat_partitions(recipe: Recipe) -> str:
    name = recipe.optimizer.type
    whole = name in WHOLE_MATRICES and zero_stage(recipe) > 0
    return f"{zero_stage(recipe)} with {name}" if whole else ""


def offload_device(recipe: Recipe, key: str) -> str:
    offload = recipe.parallel.zero.get(key)
    return str(offload.get("device", "none")) if isinstance(offload, dict) else "none"


def offload_below(key: str, least: int) -> Say:
    def found(recipe: Recipe) -> str:
        place, stage = offload_device(recipe, key), zero_stage(recipe)
        return f"{place} with stage {stage}" if place != "none" and stage < least else ""

    return found


def nvme(key: str) -> Say:
    return lambda recipe: '"nvme"' if offload_device(recipe, key) == "nvme" else ""


def quantized_below_3(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    keys = (
        "zero_quantized_weights",
        "zero_quantized_gradients",
        "zero_quantized_nontrainable_weights",
    )
    used = [key for key in keys if zero.get(key)]
    used += ["zero_hpz_partition_size"] if zero.get("zero_hpz_partition_size", 1) > 1 else []
    return f"{zero_stage(recipe)} with {', '.join(used)}" if used and zero_stage(recipe) < 3 else ""


def own_optimizers(recipe: Recipe) -> str:
    zero = recipe.parallel.zero
    offload = zero.get("offload_optimizer")
    fast = isinstance(offload, dict) and offload.get("super_offload")
    used = ["zenflow"] * ("zenflow" in zero) + ["offload_optimizer.super_offload"] * bool(fast)
    return ", ".join(used)


def pipeline_gradients(recipe: Recipe) -> str:
    stages, zero = recipe.parallel.pipeline.stages, zero_stage(recipe)
    return f"{zero} with {stages} pipeline stages" if stages > 1 and zero > 1 else ""


def pipeline_masters(recipe: Recipe) -> str:
    stages = recipe.parallel.pipeline.stages
    return _unsharded(recipe, f"{stages} pipeline stages") if stages > 1 else ""


def norm_of_slices(recipe: Recipe) -> str:
    parallel = recipe.parallel
    alone = parallel.tensor > 1 and parallel.pipeline.stages == 1  # else pipeline_masters says it
    return _unsharded(recipe, f"{parallel.tensor} tensor ranks") if alone else ""


def _unsharded(recipe: Recipe, ranks: str) -> str:
    precision = recipe.run.precision
    low = precision != "fp32" and zero_stage(recipe) == 0
    return f"0 with {ranks} in {precision}" if low else ""


def sliced_matrices(recipe: Recipe) -> str:
    name, tensor = recipe.optimizer.type, recipe.parallel.tensor
    return f"{tensor} with {name}" if name in WHOLE_MATRICES and tensor > 1 else ""


def _family(recipe: Recipe) -> dict[str, Any] | None:
    """What the table says of the architecture; None where it comes with a name or its own code."""
    model = recipe.model
    told = model.name is None and not model.trust_remote_code
    entry: dict[str, Any] | None = table("families").get(model.config.get("model_type", ""))
    return entry if told else None


def stages_of_whole(recipe: Recipe) -> str:
    stages, family = recipe.parallel.pipeline.stages, _family(recipe)
    refused = stages > 1 and family is not None and "family" not in family
    return f"{stages} for {recipe.model.config['model_type']}" if refused else ""


def slices_of_whole(recipe: Recipe) -> str:
    tensor, family = recipe.parallel.tensor, _family(recipe)
    refused = tensor > 1 and family is not None and not family.get("tensor")
    return f"{tensor} for {recipe.model.config['model_type']}" if refused else ""


def norm_off(recipe: Recipe) -> str:
    return "false" if recipe.parallel.zero.get("compute_grad_norm") is False else ""


PARALLEL_RULES = (
    Rule(
        "whole matrices",
        "parallel.zero.stage",
        flat_partitions,
        "0",
        "ZeRO 1-3 hands the optimizer flat partitions: what looks at whole matrices becomes "
        "silently another algorithm",
        "0, or optimizer.type AdamW",
        source="deepspeed/runtime/zero/stage_1_and_2.py: single_partition_of_fp32_groups",
    ),
    Rule(
        "matrices, not slices",
        "parallel.tensor",
        sliced_matrices,
        "1",
        "a tensor rank's slice is not the matrix: what looks at whole matrices becomes silently "
        "another algorithm",
        "1, or optimizer.type AdamW",
        source="You et al. 2020, arXiv:1904.00962, algorithm 2; Jordan et al. 2024, Muon",
    ),
    Rule(
        "gradients of a pipeline",
        "parallel.zero.stage",
        pipeline_gradients,
        "0 or 1 in a pipeline",
        "it keeps gradients across micro-batches, which stages 2 and 3 partition: "
        "deepspeed/runtime/pipe/engine.py asserts",
        "1",
        source="deepspeed/runtime/pipe/engine.py: incompatible with pipeline parallelism",
    ),
    Rule(
        "masters of a pipeline",
        "parallel.zero.stage",
        pipeline_masters,
        "1 in a pipeline, or run.precision fp32",
        "without ZeRO, DeepSpeed's BF16_Optimizer shards bf16's masters by itself, and "
        "FP16_UnfusedOptimizer counts tied weights twice in the norm of fp16",
        "1",
        source="deepspeed/runtime/bf16_optimizer.py: fp32_groups_flat_partition; "
        "deepspeed/runtime/fp16/unfused_optimizer.py: get_weight_norm",
    ),
    Rule(
        "norm of slices",
        "parallel.zero.stage",
        norm_of_slices,
        "1, 2 or 3 with tensor ranks, or run.precision fp32",
        "deepspeed/runtime/fp16/unfused_optimizer.py counts only tensor rank 0 in the norm",
        "1",
        source="deepspeed/runtime/fp16/unfused_optimizer.py: get_weight_norm",
    ),
    Rule(
        "stages of a whole family",
        "parallel.pipeline.stages",
        stages_of_whole,
        "1",
        "this family trains whole: nothing says how it runs in pieces; `zoo compat` shows what can",
        "1, with parallel.zero.stage 3 to share the weights out",
        source="transformers/configuration_utils.py: base_model_pp_plan",
    ),
    Rule(
        "slices of a whole family",
        "parallel.tensor",
        slices_of_whole,
        "1",
        "nothing says how the matrices of this family are cut; `zoo compat` shows what can be",
        "1, with parallel.zero.stage 3 to share the weights out",
        source="transformers/configuration_utils.py: base_model_tp_plan",
    ),
    Rule(
        "optimizer offload",
        "parallel.zero.offload_optimizer",
        offload_below("offload_optimizer", 1),
        "parallel.zero.stage 1, 2 or 3",
        "DeepSpeed offloads only what ZeRO partitions",
        "parallel.zero.stage 2",
    ),
    Rule(
        "parameter offload",
        "parallel.zero.offload_param",
        offload_below("offload_param", 3),
        "parallel.zero.stage 3",
        "only stage 3 partitions parameters",
        "parallel.zero.stage 3",
    ),
    Rule(
        "optimizer state in memory",
        "parallel.zero.offload_optimizer.device",
        nvme("offload_optimizer"),
        "none, cpu",
        "checkpoints read the optimizer's state in memory",
        "cpu",
    ),
    Rule(
        "parameters in memory",
        "parallel.zero.offload_param.device",
        nvme("offload_param"),
        "none, cpu",
        "checkpoints read the parameters in memory",
        "cpu",
    ),
    Rule(
        "ZeRO++",
        "parallel.zero.stage",
        quantized_below_3,
        "3",
        "ZeRO++ is made of stage 3's collectives",
        "3",
    ),
    Rule(
        "own optimizers",
        "parallel.zero",
        own_optimizers,
        "ZeRO without them",
        "DeepSpeed builds these optimizers itself, the zoo hands over an instance",
        "parallel.zero.offload_optimizer",
    ),
    Rule(
        "gradient norm",
        "parallel.zero.compute_grad_norm",
        norm_off,
        "true",
        "the norm is logged at every stage",
        "true",
    ),
)
