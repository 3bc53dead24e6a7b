"""Rules about what data ranks exchange: compressed optimizers and compressors, with conditions."""

from zoo.recipe.checks.rules.begin import BEGIN_RULES
from zoo.recipe.checks.rules.parallel import offload_device
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.derived.exchange import (
    ROUGH,
    averages_itself,
    compression_kind,
    freezes_variance,
    replaces_momentum,
    zero_stage,
)
from zoo.recipe.recipe import Recipe

HOLD_ROUGH = ("SGD", "Adam", "AdamW")


def sharded_means(recipe: Recipe) -> str:
    stage, name = zero_stage(recipe), recipe.optimizer.type
    fits = stage == 0 or (stage == 1 and name == "OneBitAdam")
    return f"{stage} with {name}" if averages_itself(recipe) and not fits else ""


def near_stage(recipe: Recipe) -> str:
    return "1" if recipe.optimizer.type == "OneBitAdam" else "0"


def cut_means(recipe: Recipe) -> str:
    parallel, name = recipe.parallel, recipe.optimizer.type
    cut = parallel.pipeline.stages * parallel.tensor > 1
    found = f"{name} with {parallel.pipeline.stages} stages and {parallel.tensor} tensor ranks"
    return found if averages_itself(recipe) and cut else ""


def two_exchanges(recipe: Recipe) -> str:
    kind = compression_kind(recipe)
    return f"{kind} with {recipe.optimizer.type}" if kind and averages_itself(recipe) else ""


def partitioned_gradients(recipe: Recipe) -> str:
    kind, stage = compression_kind(recipe), zero_stage(recipe)
    both = kind and stage and not averages_itself(recipe)
    return f"{kind} with parallel.zero.stage {stage}" if both else ""


def drifting_copies(recipe: Recipe) -> str:
    kind, tensor = compression_kind(recipe), recipe.parallel.tensor
    return f"{kind} with parallel.tensor {tensor}" if kind and tensor > 1 else ""


def own_ways_in_a_pipeline(recipe: Recipe) -> str:
    stages = recipe.parallel.pipeline.stages
    local = compression_kind(recipe) == "local-sgd" or replaces_momentum(recipe)
    return f"{compression_kind(recipe)} with {stages} stages" if local and stages > 1 else ""


def overflow_alone(recipe: Recipe) -> str:
    kind = compression_kind(recipe) or recipe.optimizer.type * averages_itself(recipe)
    precision = recipe.run.precision
    short = precision == "fp16" or (precision == "bf16" and kind == "local-sgd")
    return f"{precision} with {kind}" if kind and short else ""


def rough_gradients(recipe: Recipe) -> str:
    kind, name = compression_kind(recipe), recipe.optimizer.type
    return f"{kind} with {name}" if kind in ROUGH and name not in HOLD_ROUGH else ""


def no_maximum(recipe: Recipe) -> str:
    amsgrad = recipe.optimizer.params.get("amsgrad")
    return f"true with {compression_kind(recipe)}" if amsgrad and freezes_variance(recipe) else ""


def damped_velocity(recipe: Recipe) -> str:
    dampening = recipe.optimizer.params.get("dampening")
    return f"{dampening:g} with top-k" if dampening and replaces_momentum(recipe) else ""


def lone_offload(recipe: Recipe) -> str:
    name, place = recipe.optimizer.type, offload_device(recipe, "offload_optimizer")
    both = averages_itself(recipe) and place != "none" and zero_stage(recipe)
    return f"{place} with {name}" if both else ""


COMPRESSION_RULES = (
    Rule(
        "owners of means",
        "parallel.zero.stage",
        sharded_means,
        "0, or 1 with OneBitAdam",
        "the optimizer averages what ZeRO would have partitioned; LAMB needs whole tensors, "
        "0/1 Adam moves parameters on each rank, and gradients are never in one place",
        near_stage,
        source="deepspeed/runtime/zero/stage_1_and_2.py: averaged_gradients",
    ),
    Rule(
        "offload of means",
        "parallel.zero.offload_optimizer",
        lone_offload,
        "none",
        "this optimizer shards itself, DeepSpeed runs at stage 0 and offloads nothing",
        "optimizer.type AdamW",
    ),
    Rule(
        "means of a cut model",
        "optimizer.type",
        cut_means,
        "AdamW, or one stage and one tensor rank",
        "copies of tied and small parameters would receive different momenta and drift apart",
        "AdamW with parallel.compression",
        source="Tang et al. 2021, arXiv:2102.02888, algorithm 1",
    ),
    Rule(
        "one exchange",
        "parallel.compression",
        two_exchanges,
        "false",
        "this optimizer compresses what it sends by itself",
        "false",
        source="Tang et al. 2021, arXiv:2102.02888",
    ),
    Rule(
        "whole gradients",
        "parallel.compression",
        partitioned_gradients,
        "false, or parallel.zero.stage 0",
        "ZeRO 1-3 reduce gradients to partitions inside DeepSpeed",
        "parallel.zero.stage 0, or optimizer.type OneBitAdam with stage 1",
        source="deepspeed/runtime/zero/stage_1_and_2.py: averaged_gradients",
    ),
    Rule(
        "copies on tensor ranks",
        "parallel.compression",
        drifting_copies,
        "false, or parallel.tensor 1",
        "tensor ranks hold copies of small parameters, whose messages would differ",
        "parallel.tensor 1",
        source="Vogels et al. 2019, arXiv:1905.13727, algorithm 2",
    ),
    Rule(
        "compressors of a pipeline",
        "parallel.compression",
        own_ways_in_a_pipeline,
        "bf16, fp16, int8, int4, power-sgd, or one stage",
        "clipping sees the norm of all stages, these clip or step before it is known",
        "int8",
        source="Lin et al. 2018, arXiv:1712.01887, section 3.2",
    ),
    Rule(
        "one overflow",
        "run.precision",
        overflow_alone,
        "fp32, or bf16 without local-sgd",
        "DeepSpeed's fp16 wrapper skips a step on the rank that overflows while others wait; "
        "ranks that step alone meet in their masters",
        "fp32",
        source="deepspeed/runtime/fp16/unfused_optimizer.py: self.overflow",
    ),
    Rule(
        "rough gradients",
        "parallel.compression",
        rough_gradients,
        "bf16, fp16, int8, local-sgd, or optimizer.type SGD, Adam, AdamW",
        "only a variance that is frozen and plain momentum bear delayed and noisy gradients",
        "int8",
        source="Tang et al. 2021, arXiv:2102.02888, section 3",
    ),
    Rule(
        "a frozen maximum",
        "optimizer.params.amsgrad",
        no_maximum,
        "false",
        "a variance that is frozen has no maximum to keep",
        "false",
        source="Tang et al. 2021, arXiv:2102.02888, algorithm 1",
    ),
    Rule(
        "velocity",
        "optimizer.params.dampening",
        damped_velocity,
        "0 with top-k",
        "the compressor's velocity takes the place of SGD's momentum and has no dampening",
        "0",
        source="Lin et al. 2018, arXiv:1712.01887, equation 5",
    ),
    *BEGIN_RULES,
)
