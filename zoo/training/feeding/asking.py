"""Lets the model that a run starts from tell of the rows what they need of it (reference.py)."""

from collections.abc import Iterable, Iterator

import numpy as np

from zoo.data.rows import Rows
from zoo.engines.engine import Engine
from zoo.models.adapters.inject import adapters_off
from zoo.recipe import Recipe
from zoo.telling.phases import phase
from zoo.training.checks import Checked
from zoo.training.feeding.batches import valid_sets
from zoo.training.feeding.reference import REFERENCE, Referred
from zoo.training.scoring import evaluated
from zoo.training.world import Here


def ask_reference(
    recipe: Recipe, checked: Checked, engine: Engine, here: Here, sets: Iterable[Rows]
) -> None:
    """Completes what the rows of these sets need, by the model of `engine`, which is the starting
    one. All ranks call it together.

    Adapters are off meanwhile. Raises Stopped, ConfigError and DataError as scoring does.
    """
    rows = unknown(here, sets)
    for number, one in enumerate(rows, 1):
        phase(f"asking the reference about set {number} of {len(rows)}")
        one.keep(told(recipe, checked, engine, here, one))


def unknown(here: Here, sets: Iterable[Rows]) -> list[Referred]:
    """The rows of which some host does not know it yet; all ranks call it together."""
    parts = {one.folder: one for rows in sets for one in _parts(rows)}
    everyone = here.gather([one.known for one in parts.values()])
    known = [all(answers) for answers in zip(*everyone, strict=True)]
    return [one for one, there in zip(parts.values(), known, strict=True) if not there]


def _parts(rows: Rows) -> Iterator[Referred]:
    """The referred rows among a set's parts."""
    for one in (rows, *getattr(rows, "parts", ())):
        if isinstance(one, Referred):
            yield one


def told(
    recipe: Recipe, checked: Checked, engine: Engine, here: Here, rows: Referred
) -> np.ndarray:
    """What the model tells of each row, on every rank: float32 (rows, ...), NaN of one that cannot
    be read.
    """
    scored = valid_sets(recipe, checked, {REFERENCE: rows.rows}, here, {REFERENCE: 0})[REFERENCE]
    own: list[tuple[int, np.ndarray]] = []
    with adapters_off(checked.model):
        for found in evaluated(engine, scored, here.signals):
            own += [(row, values[REFERENCE]) for row, values in found.records]
    everyone = [one for several in here.gather(own) for one in several]
    shape = np.shape(everyone[0][1]) if everyone else ()
    values = np.full((len(rows), *shape), np.nan, dtype=np.float32)
    for row, value in everyone:
        values[row] = value
    return values
