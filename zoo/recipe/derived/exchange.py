"""Who averages over the data ranks, how, and what follows: read off a recipe."""

from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.compressors import COMPRESSORS, Compressor
from zoo.recipe.vocabulary.optimizer import Optimizer
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS, hyper_parameters

PARAMS = "optimizer.params"
START = "parallel.compression.start"


def zero_stage(recipe: Recipe) -> int:
    """The stage of `parallel.zero`."""
    return int(recipe.parallel.zero.get("stage", 0))


def optimizer_of(recipe: Recipe) -> Optimizer:
    """What is known of the recipe's optimizer."""
    return OPTIMIZERS[recipe.optimizer.type]


def averages_itself(recipe: Recipe) -> bool:
    """Whether the optimizer averages over the data ranks; DeepSpeed then runs at ZeRO stage 0."""
    return optimizer_of(recipe).averages_itself


def compression_kind(recipe: Recipe) -> str:
    """The kind of `parallel.compression`, empty without."""
    compression = recipe.parallel.compression
    return "" if compression is False else compression.kind


def compressor_of(recipe: Recipe) -> Compressor | None:
    """What is known of the recipe's compressor, None without one."""
    return COMPRESSORS.get(compression_kind(recipe))


def replaces_momentum(recipe: Recipe) -> bool:
    """Whether a compressor holds the momentum in place of SGD."""
    compressor = compressor_of(recipe)
    holds = compressor is not None and compressor.holds_momentum
    return holds and optimizer_of(recipe).momentum_may_move


def freezes_variance(recipe: Recipe) -> bool:
    """Whether gradients become too rough for Adam's second moment, which then stays."""
    compressor = compressor_of(recipe)
    rough = compressor is not None and compressor.rough
    return rough and optimizer_of(recipe).variance_may_freeze


def without_effect(recipe: Recipe) -> list[str]:
    """A line for each word of the recipe that a compressed optimizer takes and does not need."""
    if not averages_itself(recipe):
        return []
    words = {
        f"{PARAMS}.{key}": why
        for key, why in optimizer_of(recipe).unused.items()
        if key in recipe.optimizer.params
    }
    words |= {
        f"parallel.zero.{key}": "this optimizer exchanges by itself, DeepSpeed runs at stage 0"
        for key in recipe.parallel.zero
        if key != "stage"
    }
    return [f"{key} has no effect: {why}" for key, why in words.items()]


def clips_itself(recipe: Recipe) -> bool:
    """Whether gradients are clipped where they are averaged: their mean comes too late for it."""
    return averages_itself(recipe) or replaces_momentum(recipe)


def steps_of(count: float, total: int) -> int:
    """A Count as steps: a share of `total` is rounded, and never less than one step."""
    return max(1, round(count * total)) if isinstance(count, float) and count < 1 else int(count)


def begin_key(recipe: Recipe) -> str:
    """The key that says when compression begins; empty where nothing says so."""
    if averages_itself(recipe):
        return f"{PARAMS}.{optimizer_of(recipe).begins}"
    return START if hasattr(recipe.parallel.compression, "start") else ""


def begin_keys() -> list[str]:
    """Every key that may say when compression begins."""
    keys = [f"{PARAMS}.{one.begins}" for one in OPTIMIZERS.values() if one.begins]
    return list(dict.fromkeys([*keys, START]))


def steps_before(recipe: Recipe, steps: int) -> int:
    """How many of a run's `steps` that key puts before compression; 0 without it."""
    key = begin_key(recipe)
    if key == START:
        count: float = getattr(recipe.parallel.compression, "start", 0)
    else:
        count = hyper_parameters(recipe.optimizer, {})[key.rpartition(".")[2]] if key else 0
    return steps_of(count, steps) if count else 0
