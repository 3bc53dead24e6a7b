"""Which order a recipe asks for."""

import numpy as np

from zoo.data.joined import Mixed
from zoo.data.ordering.epochs import Epochs
from zoo.data.ordering.mixture import Mixture, Part, Told
from zoo.data.ordering.order import Order
from zoo.data.ordering.plan import Plan
from zoo.data.ordering.shards import Lanes
from zoo.data.rows import Rows
from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe, origin
from zoo.recipe.spec.data import MixtureData
from zoo.recipe.vocabulary.kinds import KINDS


def order_of(
    recipe: Recipe, rows: Rows, repeats: int = 1, amounts: np.ndarray | None = None
) -> Order:
    """The order of the training rows; `amounts` is how much of `run.batch_unit` each is, where that
    is not examples. Raises ConfigError if no batch is complete, if a row is too long for one, or if
    a part of a mixture is gone through too often.
    """
    run, data = recipe.run, recipe.data
    if isinstance(data, MixtureData):
        assert isinstance(rows, Mixed)
        return _mixture(recipe, data, rows, repeats)
    if amounts is not None:
        _refuse_longer(recipe, amounts)
        return Plan(amounts, run.micro_batch, run.batch // run.micro_batch, run.seed, data.sampling)
    lengths = rows.lengths() if data.sampling == "group-by-length" else None
    sizes = rows.shard_sizes() if data.sampling != "sequential" else None
    lanes = None if sizes is None else Lanes(sizes, run.batch, run.seed, data.shuffle_window)
    return Epochs(
        len(rows), run.batch, run.seed, data.sampling, lengths, repeats, run.micro_batch, lanes
    )


def _refuse_longer(recipe: Recipe, amounts: np.ndarray) -> None:
    """Raises ConfigError where a row is more than a whole micro-batch may be."""
    run = recipe.run
    over, longest = int((amounts > run.micro_batch).sum()), float(np.nanmax(amounts))
    if over:
        found = f"{run.micro_batch} {run.batch_unit}, which {over} of {len(amounts)} training "
        found += f"examples exceed: the longest has {longest:.6g}"
        shorter = KINDS[recipe.task.kind].amounts[run.batch_unit]
        allowed = f"at least {int(np.ceil(longest))}, or a smaller {shorter}"
        key = "run.micro_batch"
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed)])


def _mixture(recipe: Recipe, data: MixtureData, rows: Mixed, repeats: int) -> Mixture:
    run, shares = recipe.run, shares_of(data, rows)
    parts = []
    for place, (name, part) in enumerate(rows.by_name.items()):
        section = data.parts[name].data
        sizes, window = part.shard_sizes(), section.shuffle_window
        drawn = Part(len(part), run.seed, place, section.sampling, sizes, window)
        parts.append(Told(name, shares[name], drawn))
    order = Mixture(parts, run.batch, run.micro_batch, run.seed, repeats)
    if faults := _too_often(recipe, data, order):
        raise ConfigError(faults)
    return order


def shares_of(data: MixtureData, rows: Mixed) -> dict[str, float]:
    """The share that each part has of the examples; they add up to 1.

    Without weights by the number of its examples to the power of 1 / temperature (multilingual
    BERT's smoothing, Devlin 2018; T of Raffel et al. 2020, 3.5.2).
    """
    power = 1 / (data.temperature or 1.0)
    each = {
        name: data.parts[name].weight or len(part) ** power for name, part in rows.by_name.items()
    }
    return {name: one / sum(each.values()) for name, one in each.items()}


def _too_often(recipe: Recipe, data: MixtureData, order: Mixture) -> list[Fault]:
    """A fault for each part that the run goes through more often than it may."""
    faults = []
    for part, epochs in order.epochs(recipe.run.steps or 0).items():
        if data.max_epochs and epochs > data.max_epochs:
            key = f"data.parts.{part}.weight" if data.temperature is None else "data.temperature"
            told = next(one for one in order.parts if one.name == part)
            found = f"{epochs:.3g} epochs of the {told.part.count} examples of {part}"
            allowed = f"at most {data.max_epochs:g} (data.max_epochs) in {recipe.run.steps} steps"
            faults.append(Fault(origin(recipe, key), key, found, allowed))
    return faults


def said_of_parts(order: Order, steps: int) -> list[str]:
    """A line on each part of a mixture: its share, and how often a run goes through it."""
    if not isinstance(order, Mixture):
        return []
    epochs = order.epochs(steps)
    return [
        f"part {one.name}: {one.share:.1%} of each batch, {epochs[one.name]:.3g} epochs of"
        f" {one.part.count} examples in {steps} steps"
        for one in order.parts
    ]
