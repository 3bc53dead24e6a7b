"""Ring 1 in its order: keys, open maps, and rules over what of a recipe is whole."""

from dataclasses import dataclass, field

from zoo.errors import Fault
from zoo.recipe.checks.keys import (
    RULED_BY_ANOTHER,
    UNKNOWN,
    Checked,
    check_keys,
    unknown,
    without,
)
from zoo.recipe.checks.known import names_at
from zoo.recipe.checks.open_maps import map_faults
from zoo.recipe.checks.rules import broken_rules, fault_of
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.checks.whole import make_whole
from zoo.recipe.compose.merge import UNSET, Composition
from zoo.recipe.compose.words import Composed
from zoo.recipe.provenance import TYPED, split_key
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.sections import TRUST

NOTHING = "nothing"
"""How a fault of a missing key begins to say what was found."""


@dataclass(frozen=True)
class Verdict:
    """A recipe, or what is wrong with it.

    `broken` are the rules behind the faults that come from one, and `seen` the recipe that broke
    them: without its unknown keys.
    """

    recipe: Recipe | None
    faults: list[Fault]
    broken: dict[Fault, Rule] = field(default_factory=dict)
    seen: Recipe | None = None


def judged(composed: Composed) -> Verdict:
    """All that ring 1 says of a composed recipe; its whole numbers become such, in place."""
    composition = composed.composition
    make_whole(composition.data)
    checked = check_keys(composition.data, composition.origin)
    maps = map_faults(composition.data, composition.origin)
    said = {fault.key for fault in maps}
    found = maps + [fault for fault in checked.faults if fault.key not in said]
    found += [fault for fault in _unset_faults(composition) if fault not in found]
    found += _untrusted(composition)
    whole = [fault for fault in found if _section(fault) not in composed.broken]
    seen = _seen(composition, checked, maps)
    wrong = {_section(fault) for fault in maps if fault.found not in (UNKNOWN, RULED_BY_ANOTHER)}
    broken = {
        fault_of(rule, what, composition.origin): rule
        for rule, what in (broken_rules(seen) if seen else [])
        if rule.key.split(".")[0] not in wrong
    }
    undone = {fault.key for fault in composed.typed.faults(composition)}
    rest = [
        fault
        for fault in [*whole, *broken]
        if fault.key not in undone or not fault.found.startswith(NOTHING)
    ]
    return Verdict(checked.recipe, [*composed.faults, *rest], broken, seen)


def _seen(composition: Composition, checked: Checked, maps: list[Fault]) -> Recipe | None:
    """What the rules look at: the recipe without its unknown keys, if the rest is right."""
    bad = [*checked.unknown, *(split_key(fault.key) for fault in maps)]
    if not bad:
        return checked.recipe
    return check_keys(without(composition.data, bad), composition.origin).recipe


def _unset_faults(composition: Composition) -> list[Fault]:
    """Keys that were taken away and cannot be there: a slip of the pen would go unnoticed."""
    faults = []
    for path, (origin, stood) in composition.unset.items():
        allowed = names_at(composition.data, path[:-1])
        if allowed is not None and path[-1] not in allowed and not stood:
            faults.append(unknown(origin, path, allowed))
        elif allowed is None and not stood:
            found = f"{UNSET}, where nothing stands"
            faults.append(Fault(origin, ".".join(path), found, "a key that the recipe sets"))
    return faults


def _untrusted(composition: Composition) -> list[Fault]:
    """Code that comes with a model and would run without anybody having typed so."""
    path = split_key(TRUST)
    origin = composition.origin(path)
    if composition.get(path) is not True or origin.startswith(TYPED):
        return []
    allowed = "false, or the same word typed: it runs code that comes with the model"
    return [Fault(origin, TRUST, "true in a file", allowed, "true")]


def _section(fault: Fault) -> str:
    return fault.key.split(".")[0]
