"""Chooses what data ranks exchange: DeepSpeed's reduction, or what the recipe says instead."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from zoo.compression.fused import Fused
from zoo.compression.gradients.compressor import Dense
from zoo.compression.gradients.top_k import warming
from zoo.compression.optimizers.communicating import Communicating
from zoo.engines.exchange.kept import Exchange
from zoo.engines.exchange.reductions import Alone, Compressed, OwnMeans
from zoo.engines.groups import Groups
from zoo.engines.holdings import Holdings
from zoo.engines.state import ready
from zoo.engines.sums import all_say
from zoo.engines.update.optimizer import filled, parameter_groups, state_names
from zoo.recipe import Recipe
from zoo.recipe.derived.exchange import compressor_of, replaces_momentum, steps_before
from zoo.recipe.vocabulary.compressors import Compressor as Entry
from zoo.recipe.vocabulary.named import named
from zoo.recipe.vocabulary.optimizers import hyper_parameters


def build_exchange(
    recipe: Recipe, model: nn.Module, held: Holdings, optimizer: Optimizer, groups: Groups,
    steps: int,
) -> Exchange:  # fmt: skip
    """The exchange of a recipe over the parameters that this rank trains; all ranks call it."""
    ranks, data, entry = groups.layout.data, groups.along("data"), compressor_of(recipe)
    by_name = {one.name: one for one in held.parameters}
    sections = parameter_groups(recipe, model, filled)
    trained = [by_name[name] for section in sections for name in section["names"]]
    if isinstance(optimizer, Communicating):
        return OwnMeans(optimizer, trained, ranks)
    if entry is None:
        return Exchange()
    fused = Fused([one.tensor for one in trained])
    device = trained[0].tensor.device
    start = steps_before(recipe, steps)

    def made(**options: Any) -> Any:
        return named(entry.made_by)(fused, data, device, **entry.options, **options)

    whole = Dense(fused, data, device)
    options = options_of(recipe, entry)
    agreed = partial(all_say, device=device)
    if entry.steps_alone:
        outer = made(first=start, **options)
        return Alone(outer, whole, trained, ranks, agreed, states_of(optimizer))
    if replaces_momentum(recipe):
        options |= momentum_of(recipe, options["ratio"], start)
        decay = decay_of(recipe, sections)
        return Compressed(made(**options), whole, trained, ranks, 0, agreed, decay, clips=True)
    source = made(**{**options, **entry.without_momentum})
    return Compressed(source, whole, trained, ranks, start, agreed)


def options_of(recipe: Recipe, entry: Entry) -> dict[str, Any]:
    """The recipe's keys of a compressor, as its class names them."""
    compression = recipe.parallel.compression
    assert compression
    said = compression.model_dump(exclude={"kind", "start"})
    seed = {"seed": recipe.run.seed} if entry.seeded else {}
    return {entry.words.get(key, key): value for key, value in said.items()} | seed


def states_of(optimizer: Optimizer) -> Callable[[Tensor], dict[str, Tensor]]:
    """What an optimizer keeps of a parameter, by name."""

    def states(parameter: Tensor) -> dict[str, Tensor]:
        found = ready(optimizer, parameter)
        return {name: found[name] for name in state_names(optimizer)}

    return states


def momentum_of(recipe: Recipe, ratio: float, start: int) -> dict[str, Any]:
    """Deep Gradient Compression in place of SGD's momentum: it clips, and its ratio falls."""
    params = hyper_parameters(recipe.optimizer, {})
    return {
        "ratio": warming(ratio, start) if start else ratio,
        "momentum": params["momentum"],
        "nesterov": params["nesterov"],
        "clip": recipe.optimizer.gradient_clipping or None,
    }


def decay_of(recipe: Recipe, sections: list[dict[str, Any]]) -> list[float]:
    """The weight decay of each parameter, which comes before a compressor's momentum."""
    usual = hyper_parameters(recipe.optimizer, {})["weight_decay"]
    return [section.get("weight_decay", usual) for section in sections for _ in section["names"]]
