"""Rules about what data ranks exchange: compressed optimizers and compressors, with conditions."""

from collections.abc import Iterable

from zoo.recipe.checks.rules.begin import BEGIN_RULES
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.checks.rules.zero import offload_device
from zoo.recipe.derived.exchange import (
    averages_itself,
    compression_kind,
    compressor_of,
    freezes_variance,
    optimizer_of,
    replaces_momentum,
    zero_stage,
)
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.compressors import COMPRESSORS
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS


def listed(names: Iterable[str]) -> str:
    """Names as a message lists them."""
    return ", ".join(names)


PLAIN_MOMENTA = [name for name, one in OPTIMIZERS.items() if one.momentum_may_move]
FREEZABLE = sorted(name for name, one in OPTIMIZERS.items() if one.variance_may_freeze)
SHARDED = [name for name, one in OPTIMIZERS.items() if one.sharded_by]
SMOOTH = [kind for kind, one in COMPRESSORS.items() if not one.rough]
IN_STAGES = [
    kind for kind, one in COMPRESSORS.items() if not (one.steps_alone or one.holds_momentum)
]


def sharded_means(recipe: Recipe) -> str:
    """A ZeRO stage under an optimizer that averages itself and has no form for it."""
    stage, name = zero_stage(recipe), recipe.optimizer.type
    fits = stage == 0 or (stage == 1 and name in SHARDED)
    return f"{stage} with {name}" if averages_itself(recipe) and not fits else ""


def near_stage(recipe: Recipe) -> str:
    """The stage nearest to what was asked for."""
    return f"parallel.zero.stage={int(recipe.optimizer.type in SHARDED)}"


def averages_a_cut_model(recipe: Recipe) -> str:
    """An optimizer that averages itself over a model that is cut."""
    parallel, name = recipe.parallel, recipe.optimizer.type
    cut = parallel.pipeline.stages * parallel.tensor > 1
    found = f"{name} with {parallel.pipeline.stages} stages and {parallel.tensor} tensor ranks"
    return found if averages_itself(recipe) and cut else ""


def two_exchanges(recipe: Recipe) -> str:
    """A compressor beside an optimizer that compresses."""
    kind = compression_kind(recipe)
    return f"{kind} with {recipe.optimizer.type}" if kind and averages_itself(recipe) else ""


def partitioned_gradients(recipe: Recipe) -> str:
    """A compressor of gradients that ZeRO reduces by itself."""
    kind, stage = compression_kind(recipe), zero_stage(recipe)
    both = kind and stage and not averages_itself(recipe)
    return f"{kind} with parallel.zero.stage {stage}" if both else ""


def compressed_tensor_ranks(recipe: Recipe) -> str:
    """A compressor where tensor ranks hold copies."""
    kind, tensor = compression_kind(recipe), recipe.parallel.tensor
    return f"{kind} with parallel.tensor {tensor}" if kind and tensor > 1 else ""


def clips_within_a_stage(recipe: Recipe) -> str:
    """A compressor that clips or steps before the norm of all stages is known."""
    stages, compressor = recipe.parallel.pipeline.stages, compressor_of(recipe)
    alone = compressor is not None and compressor.steps_alone
    early = alone or replaces_momentum(recipe)
    return f"{compression_kind(recipe)} with {stages} stages" if early and stages > 1 else ""


def overflow_alone(recipe: Recipe) -> str:
    """A precision in which one rank may skip a step that others take."""
    own = recipe.optimizer.type if averages_itself(recipe) else ""
    kind, precision = compression_kind(recipe) or own, recipe.run.precision
    compressor = compressor_of(recipe)
    alone = compressor is not None and compressor.steps_alone
    short = precision == "fp16" or (precision == "bf16" and alone)
    return f"{precision} with {kind}" if kind and short else ""


def rough_gradients(recipe: Recipe) -> str:
    """Noisy gradients under an optimizer that cannot bear them."""
    compressor, name = compressor_of(recipe), recipe.optimizer.type
    rough = compressor is not None and compressor.rough
    bears = optimizer_of(recipe).bears_rough
    return f"{compression_kind(recipe)} with {name}" if rough and not bears else ""


def maximum_of_frozen(recipe: Recipe) -> str:
    """amsgrad where the variance is frozen."""
    amsgrad = recipe.optimizer.params.get("amsgrad")
    return f"true with {compression_kind(recipe)}" if amsgrad and freezes_variance(recipe) else ""


def dampened_momentum(recipe: Recipe) -> str:
    """Dampening where a compressor holds the momentum."""
    dampening = recipe.optimizer.params.get("dampening")
    kind = compression_kind(recipe)
    return f"{dampening:g} with {kind}" if dampening and replaces_momentum(recipe) else ""


def offload_of_sharded(recipe: Recipe) -> str:
    """Offload under an optimizer that shards itself."""
    name, place = recipe.optimizer.type, offload_device(recipe, "offload_optimizer")
    both = averages_itself(recipe) and place != "none" and zero_stage(recipe)
    return f"{place} with {name}" if both else ""


COMPRESSION_RULES = (
    Rule(
        "owners of means",
        "parallel.zero.stage",
        sharded_means,
        f"0, or 1 with {listed(SHARDED)}",
        "the optimizer averages what ZeRO would have partitioned; LAMB needs whole tensors, "
        "0/1 Adam moves parameters on each rank, and gradients are never in one place",
        near_stage,
        source="deepspeed/runtime/zero/stage_1_and_2.py: averaged_gradients",
        beside=("optimizer.type",),
    ),
    Rule(
        "offload of means",
        "parallel.zero.offload_optimizer",
        offload_of_sharded,
        "none",
        "this optimizer shards itself, DeepSpeed runs at stage 0 and offloads nothing",
        "parallel.zero.offload_optimizer.device=none",
        beside=("optimizer.type",),
    ),
    Rule(
        "means of a cut model",
        "optimizer.type",
        averages_a_cut_model,
        "AdamW, or one stage and one tensor rank",
        "copies of tied and small parameters would receive different momenta and drift apart",
        "parallel.pipeline.stages=1 parallel.tensor=1",
        source="Tang et al. 2021, arXiv:2102.02888, algorithm 1",
        beside=("parallel.pipeline.stages", "parallel.tensor"),
    ),
    Rule(
        "one exchange",
        "parallel.compression",
        two_exchanges,
        "false",
        "this optimizer compresses what it sends by itself",
        "parallel.compression=false",
        source="Tang et al. 2021, arXiv:2102.02888",
        beside=("optimizer.type", "parallel.compression.kind"),
    ),
    Rule(
        "whole gradients",
        "parallel.compression",
        partitioned_gradients,
        "false, or parallel.zero.stage 0",
        "ZeRO 1-3 reduce gradients to partitions inside DeepSpeed",
        "parallel.zero.stage=0",
        source="deepspeed/runtime/zero/stage_1_and_2.py: averaged_gradients",
        beside=("parallel.compression.kind", "parallel.zero.stage"),
    ),
    Rule(
        "copies on tensor ranks",
        "parallel.compression",
        compressed_tensor_ranks,
        "false, or parallel.tensor 1",
        "tensor ranks hold copies of small parameters, whose messages would differ",
        "parallel.tensor=1",
        source="Vogels et al. 2019, arXiv:1905.13727, algorithm 2",
        beside=("parallel.compression.kind", "parallel.tensor"),
    ),
    Rule(
        "compressors of a pipeline",
        "parallel.compression",
        clips_within_a_stage,
        f"{listed(IN_STAGES)}, or one stage",
        "clipping sees the norm of all stages, these clip or step before it is known",
        "parallel.compression.kind=int8",
        source="Lin et al. 2018, arXiv:1712.01887, section 3.2",
        beside=("parallel.compression.kind", "parallel.pipeline.stages"),
    ),
    Rule(
        "one overflow",
        "run.precision",
        overflow_alone,
        "fp32, or bf16 without local-sgd",
        "DeepSpeed's fp16 wrapper skips a step on the rank that overflows while others wait; "
        "ranks that step alone meet in their masters",
        "run.precision=fp32",
        source="deepspeed/runtime/fp16/unfused_optimizer.py: self.overflow",
        beside=("parallel.compression.kind", "optimizer.type"),
    ),
    Rule(
        "rough gradients",
        "parallel.compression",
        rough_gradients,
        f"{listed(SMOOTH)}, or optimizer.type {listed([*PLAIN_MOMENTA, *FREEZABLE])}",
        "only a variance that is frozen and plain momentum bear delayed and noisy gradients",
        "parallel.compression.kind=int8",
        source="Tang et al. 2021, arXiv:2102.02888, section 3",
        beside=("parallel.compression.kind", "optimizer.type"),
    ),
    Rule(
        "a frozen maximum",
        "optimizer.params.amsgrad",
        maximum_of_frozen,
        "false",
        "a variance that is frozen has no maximum to keep",
        "optimizer.params.amsgrad=false",
        source="Tang et al. 2021, arXiv:2102.02888, algorithm 1",
        beside=("parallel.compression.kind",),
    ),
    Rule(
        "velocity",
        "optimizer.params.dampening",
        dampened_momentum,
        "0 with top-k",
        "the compressor's velocity takes the place of SGD's momentum and has no dampening",
        "optimizer.params.dampening=0",
        source="Lin et al. 2018, arXiv:1712.01887, equation 5",
        beside=("parallel.compression.kind",),
    ),
    *BEGIN_RULES,
)
