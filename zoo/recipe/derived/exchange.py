"""Who averages over the data ranks, how, and what follows: read off a recipe."""

from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.optimizers import COMMUNICATING, WITHOUT_EFFECT, hyper_parameters

FREEZE, VARIANCE = "optimizer.params.freeze_step", "optimizer.params.var_freeze_step"
START = "parallel.compression.start"
ROUGH = ("int4", "top-k", "power-sgd")
"""Compressors whose gradients are delayed and noisy."""


def zero_stage(recipe: Recipe) -> int:
    """The stage of `parallel.zero`."""
    return int(recipe.parallel.zero.get("stage", 0))


def averages_itself(recipe: Recipe) -> bool:
    """Whether the optimizer averages over the data ranks; DeepSpeed then runs at ZeRO stage 0."""
    return recipe.optimizer.type in COMMUNICATING


def compression_kind(recipe: Recipe) -> str:
    """The kind of `parallel.compression`, empty without."""
    compression = recipe.parallel.compression
    return "" if compression is False else compression.kind


def replaces_momentum(recipe: Recipe) -> bool:
    """Whether a compressor holds the momentum in place of SGD."""
    return compression_kind(recipe) == "top-k" and recipe.optimizer.type == "SGD"


def freezes_variance(recipe: Recipe) -> bool:
    """Whether gradients become too rough for Adam's second moment, which then stays."""
    return compression_kind(recipe) in ROUGH and recipe.optimizer.type in ("Adam", "AdamW")


EXPLAINED = {
    "comm_backend_name": "messages travel over torch's process group",
    "cuda_aware": "messages travel over torch's process group",
    "eps_inside_sqrt": "DeepSpeed stored it and never used it",
    "amsgrad": "a frozen variance has no maximum to keep",
}


def without_effect(recipe: Recipe) -> list[str]:
    """A line for each word of the recipe that a compressed optimizer takes and does not need."""
    if not averages_itself(recipe):
        return []
    words = {
        f"optimizer.params.{key}": EXPLAINED[key]
        for key in WITHOUT_EFFECT
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
        return VARIANCE if recipe.optimizer.type == "ZeroOneAdam" else FREEZE
    return START if hasattr(recipe.parallel.compression, "start") else ""


def steps_before(recipe: Recipe, steps: int) -> int:
    """How many of a run's `steps` that key puts before compression; 0 without it."""
    key = begin_key(recipe)
    if key == START:
        count: float = getattr(recipe.parallel.compression, "start", 0)
    else:
        count = hyper_parameters(recipe.optimizer, {})[key.rpartition(".")[2]] if key else 0
    return steps_of(count, steps) if count else 0
