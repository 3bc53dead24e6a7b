"""What `zoo compat RECIPE` says, as plain rows and lines."""

import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from zoo.recipe.compat import PRECISIONS, Answer, Cell, Matrix
from zoo.telling.page import Page, Table

YES = "yes"


def matrix_page(found: Matrix) -> Page:
    """A recipe's strategies by precision, what refuses which optimizer, and the reasons."""
    tables = [strategy_rows(found), optimizer_rows(found)]
    return Page(tables, reason_lines(found), as_object(found))


def answer_page(found: Answer) -> Page:
    """Whether some words go with a recipe in a line, or a line for each reason why not."""
    words = shlex.join(found.words)
    if not found.reasons:
        line = f"yes: {found.recipe} goes with {words}"
        return Page([], [line], {"allowed": True, "words": found.words, "reasons": []})
    lines = [f"no: {one.key} has to be {one.allowed}, because {one.why}" for one in found.reasons]
    if found.instead:
        lines[-1] += f"; instead: {shlex.join(found.instead)}"
    reasons = [asdict(one) for one in found.reasons]
    content = {"allowed": False, "words": found.words, "reasons": reasons}
    return Page([], lines, {**content, "instead": found.instead})


def numbers(found: Matrix) -> dict[str, int]:
    """The number of each reason: those of the recipe's own optimizer first."""
    cells = sorted(found.cells, key=lambda cell: cell.optimizer != found.optimizer)
    names = dict.fromkeys(name for cell in cells for name in cell.reasons)
    return {name: number for number, name in enumerate(names, 1)}


def strategy_rows(found: Matrix) -> Table:
    """One row a strategy, one column a precision, under the recipe's own optimizer."""
    count = numbers(found)
    own = [cell for cell in found.cells if cell.optimizer == found.optimizer]
    rows: dict[str, list[str]] = {}
    for cell in own:
        rows.setdefault(cell.strategy, [cell.strategy]).append(_mark(cell.reasons, count))
    return [f"with {found.optimizer}", *PRECISIONS], list(rows.values())


def _mark(reasons: Iterable[str], count: dict[str, int]) -> str:
    return " ".join(str(number) for number in sorted(count[name] for name in reasons)) or YES


def optimizer_rows(found: Matrix) -> Table:
    """A row for each optimizer and reason: who refuses it, less what is refused of everyone."""
    count, everyone = numbers(found), _of_everyone(found)
    refused: dict[str, dict[str, list[Cell]]] = {cell.optimizer: {} for cell in found.cells}
    for cell in found.cells:
        for name in set(cell.reasons) - everyone[cell.strategy, cell.precision]:
            refused[cell.optimizer].setdefault(name, []).append(cell)
    rows = []
    for optimizer, reasons in refused.items():
        if not reasons:
            rows.append([optimizer, "", "none"])
        rows += [
            [optimizer, str(count[name]), _where(reasons[name], found)]
            for name in sorted(reasons, key=count.__getitem__)
        ]
    return ["optimizer", "why", "refused by"], rows


def _where(cells: list[Cell], found: Matrix) -> str:
    """The strategies of some cells, and their precisions where those are not all."""
    names, precisions = _each(cells, "strategy"), _each(cells, "precision")
    whole = len(names) == len(_each(found.cells, "strategy"))
    said = "every layout" if whole else ", ".join(names)
    return said if len(precisions) == len(PRECISIONS) else f"{said} in {' '.join(precisions)}"


def _each(cells: Iterable[Cell], word: str) -> list[str]:
    """The different values of one word of some cells, in their order."""
    return list(dict.fromkeys(getattr(cell, word) for cell in cells))


def _of_everyone(found: Matrix) -> dict[tuple[str, str], set[str]]:
    """What a strategy and a precision refuse whatever the optimizer is."""
    common: dict[tuple[str, str], set[str]] = {}
    for cell in found.cells:
        place = (cell.strategy, cell.precision)
        common[place] = common.get(place, set(cell.reasons)) & set(cell.reasons)
    return common


def reason_lines(found: Matrix) -> list[str]:
    """The numbered reasons, where they can be read, what to write instead, and the notes."""
    lines = []
    for name, number in numbers(found).items():
        reason = found.reasons[name]
        lines.append(f"{number}  {reason.key}: {reason.allowed}")
        if reason.why:
            lines.append(f"   because {reason.why}")
        if reason.source:
            lines.append(f"   source: {reason.source}")
        lines += [f"   instead: {text}" for text in _instead(name, found)]
    return lines + [f"note: {note}" for note in found.notes]


def _instead(name: str, found: Matrix) -> list[str]:
    """The nearest legal changes where this reason refuses (alone and with the recipe's own
    optimizer, if there is such a cell), each with its places if they differ."""
    cells = [cell for cell in found.cells if name in cell.reasons and cell.instead]
    cells = [cell for cell in cells if len(cell.reasons) == 1] or cells
    cells = [cell for cell in cells if cell.optimizer == found.optimizer] or cells
    changes: dict[tuple[str, ...], dict[str, list[Cell]]] = {}
    for cell in cells:
        changes.setdefault(cell.instead, {}).setdefault(cell.strategy, []).append(cell)
    if len(changes) < 2:
        return [" ".join(words) for words in changes]
    said = []
    for words, places in changes.items():
        others = [cell for cell in cells if cell.instead != words]
        where = ", ".join(_place(at, here, others) for at, here in places.items())
        said.append(f"{' '.join(words)} ({where})")
    return said


def _place(strategy: str, here: list[Cell], others: list[Cell]) -> str:
    """A strategy, with the optimizers or else the precisions that other changes are not for."""
    there = [cell for cell in others if cell.strategy == strategy]
    if not there:
        return strategy
    optimizers = _each(here, "optimizer")
    if not set(optimizers) & set(_each(there, "optimizer")):
        return f"{strategy} with {' '.join(optimizers)}"
    return f"{strategy} in {' '.join(_each(here, 'precision'))}"


def as_object(found: Matrix) -> dict[str, Any]:
    """The matrix for programs."""
    cells = [asdict(cell) | {"allowed": not cell.reasons} for cell in found.cells]
    reasons = {name: asdict(reason) for name, reason in found.reasons.items()}
    return {"cells": cells, "reasons": reasons, "notes": found.notes}
