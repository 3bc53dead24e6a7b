"""Which clips are trained on, by how long they are."""

import numpy as np

from zoo.data.rows import Rows, Subset
from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.speech import SpeechAugment
from zoo.tasks.roles import fault
from zoo.tasks.targets import LEAST
from zoo.tasks.task import Lost


def between(recipe: Recipe, rows: Rows, low: float, high: float, lost: Lost) -> Rows:
    """The clips of `low` to `high` seconds; unreadable ones stay, and where lengths are not known
    before reading, all do. Raises ConfigError, with what `lost` says, where nearly none is left.
    """
    seconds = rows.lengths()
    if seconds is None or (low == 0 and high == np.inf):
        return rows
    kept = np.flatnonzero(~((seconds < low) | (seconds > high)))  # NaN stays
    if len(kept) < LEAST * len(rows):
        found = f"{low:g} to {high:g} seconds, which keep {len(kept)} of {len(rows)} clips"
        longest = f"{np.nanmin(seconds):.3g} to {np.nanmax(seconds):.3g} seconds"
        raise ConfigError([fault(recipe, lost.key, f"{found} of {longest}", lost.allowed)])
    return Subset(rows, kept)


def longest_seconds(rows: Rows, augment: SpeechAugment) -> np.ndarray | None:
    """How long each clip may become in training, in seconds; None where it is not known."""
    seconds = rows.lengths()
    return None if seconds is None else seconds / augment.speed[0] + 2 * augment.silence
