"""Data prepared ahead of training, by all cores of this machine or by all ranks of a launch."""

from zoo.data.filtering.told import said_of_filters
from zoo.data.preparing.crew import Crew, prepared_by
from zoo.data.preparing.pool import warm
from zoo.layout import Place
from zoo.recipe import Recipe
from zoo.recipe.derived.batching import layout_of


def prepare_ahead(recipe: Recipe, processes: int | None) -> list[str]:
    """Opens, filters, tokenizes and packs a recipe's data into the cache; returns what is told of
    it, by rank 0 alone.

    Every process of a launch calls it; they need no process group, but a cache that all of them
    see: a machine that does not see the others' work does all of it. Raises ConfigError.
    """
    warm()  # workers import what they need while this process imports what they do without
    from zoo.training.checks import ring_two
    from zoo.training.feeding.prepared import prepare

    place = Place.from_environment()
    with prepared_by(Crew(processes, place.rank, place.world, place.local_rank == 0)):
        checked = ring_two(recipe, layout_of(recipe).world, None, any_base=True)
        ready = prepare(recipe, checked)
    if place.rank:
        return []
    sets = {"train": ready.train} | ready.valid
    return [
        *said_of_filters(checked.source.left_out),
        ", ".join(f"{name}: {len(rows)} examples" for name, rows in sets.items()),
        f"{ready.order.steps_per_epoch} steps an epoch, {ready.steps} steps in all",
        *ready.told_of_parts,
    ]
