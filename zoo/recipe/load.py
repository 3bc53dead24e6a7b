"""From a file and words of the command line to a Recipe, or to every fault at once."""

from collections.abc import Sequence
from pathlib import Path

from zoo.errors import ConfigError, Fault
from zoo.recipe.checks.keys import RULED_BY_ANOTHER, UNKNOWN, Checked, check_keys, without
from zoo.recipe.checks.open_maps import map_faults
from zoo.recipe.checks.rules import rule_faults
from zoo.recipe.compose.merge import Composition
from zoo.recipe.compose.words import compose
from zoo.recipe.provenance import Provenance, split_key
from zoo.recipe.recipe import Recipe, origin_of


def load_recipe(path: str | Path, changes: Sequence[str] = (), tiny: bool = False) -> Recipe:
    """Read a recipe, expand, change and check it: ring 1.

    `path` is a file, a run's folder or the name of a recipe of the shipped catalog; `changes` are
    `section.key=value` words, applied left to right; `tiny` lays the twin over it before them.
    Raises ConfigError with every fault.
    """
    composed = compose(path, changes, tiny)
    composition = composed.composition
    faults = list(composed.faults)
    checked = check_keys(composition.data, composition.origin)
    recipe = checked.recipe
    maps = map_faults(composition.data, composition.origin)
    said = {fault.key for fault in maps}
    found = maps + [fault for fault in checked.faults if fault.key not in said]
    faults += [fault for fault in found if _section(fault) not in composed.broken]
    faults += _broken_rules(composition, checked, maps)
    if faults or recipe is None:
        raise ConfigError(faults)
    recipe._provenance = Provenance(
        composed.name,
        composed.made,
        composition.origins,
        tuple(composition.drops),
        composition.fragments,
    )
    return recipe


def _broken_rules(composition: Composition, checked: Checked, maps: list[Fault]) -> list[Fault]:
    """The rules see a recipe without its unknown keys, and not the sections with wrong values."""
    recipe = checked.recipe
    if bad := [*checked.unknown, *(split_key(fault.key) for fault in maps)]:
        recipe = check_keys(without(composition.data, bad), composition.origin).recipe
    wrong = {_section(fault) for fault in maps if fault.found not in (UNKNOWN, RULED_BY_ANOTHER)}
    broken = rule_faults(recipe, composition.origin) if recipe else []
    return [fault for fault in broken if _section(fault) not in wrong]


def faults_at_length(recipe: Recipe, steps: int) -> list[Fault]:
    """What the rules say once data have told how many steps the epochs of a recipe are."""
    run = recipe.run.model_copy(update={"steps": steps, "epochs": None})
    known = recipe.model_copy(update={"run": run})
    return rule_faults(known, lambda path: origin_of(recipe, path))


def _section(fault: Fault) -> str:
    return fault.key.split(".")[0]
