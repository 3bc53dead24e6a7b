"""How far a run is: the only state besides the engine's."""

from dataclasses import asdict, dataclass, field
from typing import Any

DRAWS = 2
"""Changes with the rules by which rows are ordered and random changes of examples are drawn."""
_BEFORE = 1  # what checkpoints were written by that do not say


@dataclass
class Progress:
    """Counts of a run; JSON-ready in both directions.

    `samples` are examples seen, `seconds` those of training (resumes added up), `evaluated` the
    last step that was scored, `best` the best headline so far, `best_step` where it was and
    `waited` the evaluations since; `lost` the examples that lost targets, by the task's counters;
    `learned` the digests of what the run learns from (zoo.training.disk.learned); `corrupt` the
    examples that stood in for corrupt ones, `unread` the train rows that these were; `draws` the
    rules by which rows were ordered and examples drawn.
    """

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    corrupt: int = 0
    evaluated: int = 0
    best: float | None = None
    best_step: int | None = None
    waited: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    learned: dict[str, Any] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)
    draws: int = DRAWS

    def to_json(self) -> dict[str, Any]:
        """A dictionary for progress.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Progress":
        """The inverse of `to_json`; what an older version did not count starts anew."""
        values = {"draws": _BEFORE, **values}
        return cls(**{key: values[key] for key in cls.__dataclass_fields__ if key in values})

    def other_draws(self) -> list[str]:
        """A line where the run was begun by other rules of drawing; it goes on by those of now."""
        if self.draws == DRAWS:
            return []
        self.draws = DRAWS
        return [
            "the checkpoint is of an older version: from here on epochs of more than 2^20 rows"
            " have another order, and random crops, flips and erasing are drawn in another way;"
            " what is left of this epoch may show rows again"
        ]


def due(rhythm: int | str, step: int, steps: int, steps_per_epoch: int) -> bool:
    """Whether something with this rhythm happens after `step`; it does at the end in any case."""
    if step == steps:
        return True
    every = steps_per_epoch if rhythm == "epoch" else int(rhythm)
    return every > 0 and step % every == 0
