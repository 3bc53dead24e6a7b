"""What goes with what: the rules asked about every layout, precision and optimizer of a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

from zoo.errors import ConfigError, Fault
from zoo.recipe.checks.judge import judged
from zoo.recipe.checks.rules import broken_rules
from zoo.recipe.checks.steps import steps
from zoo.recipe.compose.catalog import catalogs, catalogs_of_words, fragments
from zoo.recipe.compose.nearby import find_recipe
from zoo.recipe.compose.words import Asked, compose
from zoo.recipe.load import load_recipe
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.run import RunSpec
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS, canonical
from zoo.recipe.vocabulary.parameters import counts
from zoo.recipe.vocabulary.tables import table

PRECISIONS: tuple[str, ...] = get_args(RunSpec.model_fields["precision"].annotation)
CHOSEN = ("parallel", "optimizer")
"""Sections of which a word asks whether they go with a recipe."""
TYPE = "optimizer.type="
Laid = tuple[Recipe | None, list[Fault]]


@dataclass(frozen=True)
class Reason:
    """Why something is refused: the rule's own words, or a fault of the keys."""

    name: str
    key: str
    allowed: str
    why: str = ""
    source: str = ""


@dataclass(frozen=True)
class Cell:
    """One choice: the words that make it, the names of what refuses it, what to add to be legal."""

    strategy: str
    precision: str
    optimizer: str
    words: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """Every cell of a recipe; `optimizer` is the recipe's own, notes say what ring 1 cannot."""

    cells: tuple[Cell, ...]
    reasons: dict[str, Reason]
    optimizer: str
    notes: tuple[str, ...]


def matrix(path: str, changes: Sequence[str] = (), tiny: bool = False) -> Matrix:
    """Judges every strategy x precision x optimizer laid over a recipe, by the rules of ring 1.

    Strategies are the fragments of `parallel` in the recipe's catalogs. Raises ConfigError with
    the faults that no choice takes away.
    """
    base, faults = _laid(path, changes, tiny)
    if base is None or faults:
        load_recipe(path, changes, tiny)  # says them all
        raise ConfigError(faults)
    layouts = {name: _laid(path, changes, tiny, [f"parallel={name}"]) for name in strategies(path)}
    chosen = {name: _laid(path, changes, tiny, optimizer_words(base, name)) for name in OPTIMIZERS}
    reasons: dict[str, Reason] = {}
    cells = []
    for strategy, precision, optimizer in product(layouts, PRECISIONS, chosen):
        chosen_words = optimizer_words(base, optimizer)
        words = (f"parallel={strategy}", f"run.precision={precision}", *chosen_words)
        laid = _mixed(base, layouts[strategy], chosen[optimizer], precision)
        cell, found = _judged(Cell(strategy, precision, optimizer, words), laid)
        cells.append(cell)
        reasons |= found
    if set.intersection(*(set(cell.reasons) for cell in cells)):
        load_recipe(path, changes, tiny)  # what no choice takes away is the recipe's own fault
    return Matrix(tuple(cells), reasons, base.optimizer.type, _notes(base))


@dataclass(frozen=True)
class Answer:
    """Whether some words go with a recipe: what refuses them, and words that go in their place."""

    recipe: str
    words: tuple[str, ...]
    reasons: tuple[Reason, ...]
    instead: tuple[str, ...]
    notes: tuple[str, ...]


def asks(words: Sequence[str]) -> bool:
    """Whether words choose what a matrix goes over: layout, precision or optimizer."""
    keys = [word.partition("=")[0] for word in words]
    return any(key.split(".")[0] in CHOSEN or key == "run.precision" for key in keys)


def answer(path: str, words: Sequence[str], tiny: bool = False) -> Answer:
    """Judges one choice by the rules of ring 1; an optimizer named alone keeps the recipe's rate.

    Raises ConfigError with faults that are no rule's.
    """
    others = [word for word in words if not asks([word])]
    base, faults = _laid(path, others, tiny)
    if base is None or faults:
        load_recipe(path, others, tiny)  # says them all
        raise ConfigError(faults)
    whole = (*words, *_unsaid(base, words))
    laid, faults = _laid(path, whole, tiny)
    if laid is None or faults:
        load_recipe(path, whole, tiny)  # says them all
        raise ConfigError(faults)
    cell, reasons = _judged(Cell("", laid.run.precision, laid.optimizer.type, whole), (laid, []))
    name = compose(Asked(path, tiny=tiny)).name
    return Answer(name, whole, tuple(reasons.values()), cell.instead, _notes(laid))


def _unsaid(base: Recipe, words: Sequence[str]) -> list[str]:
    """The rate and counts of an optimizer that words name, as far as they do not say them."""
    said = [word.partition("=")[0] for word in words]
    names = [canonical(word.removeprefix(TYPE)) for word in words if word.startswith(TYPE)]
    if "optimizer.params" in said or not names or names[-1] not in OPTIMIZERS:
        return []
    own = optimizer_words(base, names[-1])[1:]
    return [word for word in own if word.partition("=")[0] not in said]


def _laid(path: str, changes: Sequence[str], tiny: bool, last: Sequence[str] = ()) -> Laid:
    """A recipe whose keys are checked and whose rules are not."""
    verdict = judged(compose(Asked(path, tuple(changes), tiny, last=tuple(last))))
    return verdict.recipe, [fault for fault in verdict.faults if fault not in verdict.broken]


def _mixed(base: Recipe, layout: Laid, optimizer: Laid, precision: str) -> Laid:
    """The recipe with another layout, optimizer and precision: sections are checked one by one."""
    if layout[0] is None or optimizer[0] is None:
        return None, [*layout[1], *optimizer[1]]
    sections = {
        "parallel": layout[0].parallel,
        "optimizer": optimizer[0].optimizer,
        "run": base.run.model_copy(update={"precision": precision}),
    }
    return base.model_copy(update=sections), [*layout[1], *optimizer[1]]


def _judged(cell: Cell, laid: Laid) -> tuple[Cell, dict[str, Reason]]:
    """A cell with what refuses it and what would not be."""
    recipe, faults = laid
    if recipe is None or faults:
        found = {fault.key: Reason(fault.key, fault.key, fault.allowed) for fault in faults}
        return replace(cell, reasons=tuple(found)), found
    rules = [rule for rule, _ in broken_rules(recipe)]
    found = {r.name: Reason(r.name, r.key, r.allowed, r.why, r.source) for r in rules}
    instead = nearest(recipe) if found else ()
    return replace(cell, reasons=tuple(found), instead=instead), found


def strategies(path: str) -> list[str]:
    """The named layouts that a recipe may take: what lies in `parallel` of its catalogs."""
    return fragments("parallel", catalogs_of_words(catalogs(find_recipe(path).parent)))


def optimizer_words(base: Recipe, name: str) -> tuple[str, ...]:
    """The words that choose another optimizer: the recipe's own rate, counts a fifth of the run."""
    if name == base.optimizer.type:
        return ()
    parameters = OPTIMIZERS[name].parameters
    rate = base.optimizer.params.get("lr", parameters["lr"].default)
    shares = [f"optimizer.params.{key}=0.2" for key in counts(parameters)]
    return (f"optimizer.type={name}", f"optimizer.params.lr={rate}", *shares)


def nearest(recipe: Recipe) -> tuple[str, ...]:
    """The fewest changes of stage, offload, precision, optimizer or degrees that break no rule."""
    first = list(steps(recipe))
    for words, changed in first:
        if not broken_rules(changed):
            return words
    for words, changed in first:
        for further, last in steps(changed):
            if not broken_rules(last):
                return (*words, *further)
    return ()


def _notes(base: Recipe) -> tuple[str, ...]:
    """What only the second ring sees."""
    entry = table("families").get(base.model.config.get("model_type", ""), {})
    said = ["zoo check --deep --world-size N says whether heads, layers, batch and device allow it"]
    if base.model.name or base.model.trust_remote_code:
        said.append("so it does for stages and tensor ranks: the architecture is not in the recipe")
    elif "uncut" in entry:
        said.append(
            f"tensor ranks are refused there where a layer has {' or '.join(entry['uncut'])}"
        )
    return tuple(said)
