"""Rules about pipelines and tensor ranks, and about what is cut with them."""

from typing import Any

from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.derived.exchange import optimizer_of, zero_stage
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.recipe.vocabulary.tables import refusals, table


def flat_partitions(recipe: Recipe) -> str:
    """An optimizer of whole matrices over ZeRO's flat partitions."""
    whole = optimizer_of(recipe).whole_matrices and zero_stage(recipe) > 0
    return f"{zero_stage(recipe)} with {recipe.optimizer.type}" if whole else ""


def sliced_matrices(recipe: Recipe) -> str:
    """An optimizer of whole matrices over slices of them."""
    tensor = recipe.parallel.tensor
    whole = optimizer_of(recipe).whole_matrices and tensor > 1
    return f"{tensor} with {recipe.optimizer.type}" if whole else ""


def pipeline_gradients(recipe: Recipe) -> str:
    """Partitioned gradients in a pipeline."""
    stages, zero = recipe.parallel.pipeline.stages, zero_stage(recipe)
    return f"{zero} with {stages} pipeline stages" if stages > 1 and zero > 1 else ""


def pipeline_masters(recipe: Recipe) -> str:
    """Half precision in a pipeline without ZeRO."""
    stages = recipe.parallel.pipeline.stages
    return _unsharded(recipe, f"{stages} pipeline stages") if stages > 1 else ""


def norm_of_slices(recipe: Recipe) -> str:
    """Half precision on tensor ranks without ZeRO."""
    parallel = recipe.parallel
    alone = parallel.tensor > 1 and parallel.pipeline.stages == 1  # else pipeline_masters says it
    return _unsharded(recipe, f"{parallel.tensor} tensor ranks") if alone else ""


def _unsharded(recipe: Recipe, ranks: str) -> str:
    precision = recipe.run.precision
    low = precision != "fp32" and zero_stage(recipe) == 0
    return f"0 with {ranks} in {precision}" if low else ""


def _family(recipe: Recipe) -> dict[str, Any] | None:
    """What the table says of the architecture; None where it comes with a name or its own code."""
    model = recipe.model
    told = model.name is None and not model.trust_remote_code
    entry: dict[str, Any] | None = table("families").get(model.config.get("model_type", ""))
    return entry if told else None


def stages_of_whole(recipe: Recipe) -> str:
    """Stages of a family whose layers do not run apart."""
    stages, family = recipe.parallel.pipeline.stages, _family(recipe)
    clause = refusals(family)[0] if stages > 1 and family is not None else ""
    return f"{stages} for {recipe.model.config['model_type']}, {clause}" if clause else ""


def slices_of_whole(recipe: Recipe) -> str:
    """Tensor ranks of a family whose matrices are not cut."""
    tensor, family = recipe.parallel.tensor, _family(recipe)
    clause = refusals(family)[1] if tensor > 1 and family is not None else ""
    return f"{tensor} for {recipe.model.config['model_type']}, {clause}" if clause else ""


def stages_of_whole_task(recipe: Recipe) -> str:
    """Stages of a kind of task that needs the whole model at once."""
    kind, stages = KINDS[recipe.task.kind], recipe.parallel.pipeline.stages
    if stages == 1 or not (kind.labels_enter or kind.generates):
        return ""
    why = "whose labels enter the model" if kind.labels_enter else "which generates to be scored"
    return f"{stages} for task.kind {recipe.task.kind}, {why}"


def narrow_sums(recipe: Recipe) -> str:
    """Gradients in another half precision than the weights."""
    narrow = recipe.parallel.gradient_dtype == "bf16" and recipe.run.precision == "fp16"
    return "bf16 with run.precision fp16" if narrow else ""


PARALLEL_RULES = (
    Rule(
        "whole matrices",
        "parallel.zero.stage",
        flat_partitions,
        "0",
        "ZeRO 1-3 hands the optimizer flat partitions: what looks at whole matrices becomes "
        "silently another algorithm",
        "parallel.zero.stage=0",
        source="deepspeed/runtime/zero/stage_1_and_2.py: single_partition_of_fp32_groups",
        beside=("optimizer.type",),
    ),
    Rule(
        "matrices, not slices",
        "parallel.tensor",
        sliced_matrices,
        "1",
        "a tensor rank's slice is not the matrix: what looks at whole matrices becomes silently "
        "another algorithm",
        "parallel.tensor=1",
        source="You et al. 2020, arXiv:1904.00962, algorithm 2; Jordan et al. 2024, Muon",
        beside=("optimizer.type",),
    ),
    Rule(
        "gradients of a pipeline",
        "parallel.zero.stage",
        pipeline_gradients,
        "0 or 1 in a pipeline",
        "it keeps gradients across micro-batches, which stages 2 and 3 partition: "
        "deepspeed/runtime/pipe/engine.py asserts",
        "parallel.zero.stage=1",
        source="deepspeed/runtime/pipe/engine.py: incompatible with pipeline parallelism",
        beside=("parallel.pipeline.stages",),
    ),
    Rule(
        "masters of a pipeline",
        "parallel.zero.stage",
        pipeline_masters,
        "1 in a pipeline, or run.precision fp32",
        "without ZeRO, DeepSpeed's BF16_Optimizer shards bf16's masters by itself, and "
        "FP16_UnfusedOptimizer counts tied weights twice in the norm of fp16",
        "parallel.zero.stage=1",
        source="deepspeed/runtime/bf16_optimizer.py: fp32_groups_flat_partition; "
        "deepspeed/runtime/fp16/unfused_optimizer.py: get_weight_norm",
        beside=("parallel.pipeline.stages", "run.precision"),
    ),
    Rule(
        "norm of slices",
        "parallel.zero.stage",
        norm_of_slices,
        "1, 2 or 3 with tensor ranks, or run.precision fp32",
        "deepspeed/runtime/fp16/unfused_optimizer.py counts only tensor rank 0 in the norm",
        "parallel.zero.stage=1",
        source="deepspeed/runtime/fp16/unfused_optimizer.py: get_weight_norm",
        beside=("parallel.tensor", "run.precision"),
    ),
    Rule(
        "stages of a whole family",
        "parallel.pipeline.stages",
        stages_of_whole,
        "1",
        "a stage runs layers apart from the others; `zoo compat` shows whose do",
        "parallel.pipeline.stages=1 parallel.zero.stage=3",
        source="transformers/configuration_utils.py: base_model_pp_plan",
        beside=("model.config.model_type",),
    ),
    Rule(
        "slices of a whole family",
        "parallel.tensor",
        slices_of_whole,
        "1",
        "a tensor rank holds parts of matrices; `zoo compat` shows whose are cut",
        "parallel.tensor=1 parallel.zero.stage=3",
        source="transformers/configuration_utils.py: base_model_tp_plan",
        beside=("model.config.model_type",),
    ),
    Rule(
        "stages of a whole task",
        "parallel.pipeline.stages",
        stages_of_whole_task,
        "1",
        "inputs enter the first stage and labels the last, and no stage alone can generate",
        "parallel.pipeline.stages=1 parallel.zero.stage=3",
        beside=("task.kind",),
    ),
    Rule(
        "narrow sums",
        "parallel.gradient_dtype",
        narrow_sums,
        "fp32, or run.precision bf16",
        "gradients are summed in the weights' type or in fp32, not in a third one",
        "parallel.gradient_dtype=fp32",
        source="deepspeed/runtime/engine.py: unsupported mix of",
        beside=("run.precision",),
    ),
)
