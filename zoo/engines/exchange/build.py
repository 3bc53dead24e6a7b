"""Chooses what data ranks exchange: DeepSpeed's reduction, or what the recipe says instead."""

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from zoo.compression.fused import Fused
from zoo.compression.gradients.compressor import COMPRESSORS, Compressor
from zoo.compression.gradients.local import OuterStep
from zoo.compression.gradients.top_k import warming
from zoo.compression.optimizers.communicating import Communicating
from zoo.engines.exchange.kept import Exchange
from zoo.engines.exchange.reductions import Alone, Compressed, OwnMeans
from zoo.engines.groups import Groups
from zoo.engines.holdings import Holding, Holdings
from zoo.engines.state import ready
from zoo.engines.update.optimizer import filled, parameter_groups, state_names
from zoo.recipe.derived.exchange import replaces_momentum, steps_before
from zoo.recipe.recipe import Recipe
from zoo.recipe.vocabulary.optimizers import hyper_parameters


def build_exchange(
    recipe: Recipe, model: nn.Module, held: Holdings, optimizer: Optimizer, groups: Groups,
    steps: int,
) -> Exchange:  # fmt: skip
    """The exchange of a recipe over the parameters that this rank trains; all ranks call it."""
    compression, ranks = recipe.parallel.compression, groups.layout.data
    by_name = {one.name: one for one in held.parameters}
    sections = parameter_groups(recipe, model, filled)
    trained = [by_name[name] for section in sections for name in section["names"]]
    if isinstance(optimizer, Communicating):
        return OwnMeans(optimizer, trained, ranks)
    if not compression:
        return Exchange()
    fused = Fused([one.tensor for one in trained])
    device = trained[0].tensor.device
    start = steps_before(recipe, steps)

    def made(kind: str, **options: Any) -> Compressor:
        return COMPRESSORS[kind](fused, groups.data, device, **options)

    whole = made("dense")
    if compression.kind == "local-sgd":
        outer = OuterStep(
            fused, groups.data, device, period=compression.every, first=start,
            lr=compression.outer_lr, momentum=compression.outer_momentum,
        )  # fmt: skip

        def states(parameter: Tensor) -> dict[str, Tensor]:
            found = ready(optimizer, parameter)
            return {name: found[name] for name in state_names(optimizer)}

        return Alone(outer, whole, trained, ranks, states)
    if replaces_momentum(recipe):
        return sparse_momentum(recipe, made, whole, trained, sections, ranks, start)
    source = made(compression.kind, **options_of(recipe))
    return Compressed(source, whole, trained, ranks, start)


def options_of(recipe: Recipe) -> dict[str, Any]:
    """A compressor's own settings under an optimizer that keeps its momentum."""
    compression = recipe.parallel.compression
    assert compression
    if compression.kind == "top-k":
        return {"ratio": compression.ratio, "momentum": 0.0, "mask": False}
    if compression.kind == "power-sgd":
        return {"rank": compression.rank, "seed": recipe.run.seed}
    return {}


def sparse_momentum(
    recipe: Recipe, made: Any, whole: Compressor, trained: list[Holding],
    sections: list[dict[str, Any]], ranks: int, start: int,
) -> Compressed:  # fmt: skip
    """Deep Gradient Compression in place of SGD's momentum: decay and clipping come before it."""
    compression = recipe.parallel.compression
    assert compression and compression.kind == "top-k"
    params = hyper_parameters(recipe.optimizer, {})
    ratio = warming(compression.ratio, start) if start else compression.ratio
    source = made(
        "top-k", ratio=ratio, momentum=params["momentum"], nesterov=params["nesterov"],
        mask=compression.mask, clip=recipe.optimizer.gradient_clipping or None,
    )  # fmt: skip
    decay = [
        section.get("weight_decay", params["weight_decay"])
        for section in sections
        for _ in section["names"]
    ]
    return Compressed(source, whole, trained, ranks, 0, decay, clips=True)
