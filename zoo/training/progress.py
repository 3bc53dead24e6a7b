"""How far a run is: the only state besides the engine's."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """Counts of a run; JSON-ready in both directions.

    `samples` are examples seen, `seconds` those of training (resumes added up), `evaluated` the
    last step that was scored, `best` the best headline so far, `best_step` where it was and
    `waited` the evaluations since; `lost` the examples that lost targets, by the task's counters;
    `learned` the digests of what the run learns from (zoo.training.disk.learned); `corrupt` the
    examples that stood in for corrupt ones, `unread` the train rows that these were.
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

    def to_json(self) -> dict[str, Any]:
        """A dictionary for progress.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Progress":
        """The inverse of `to_json`; what an older version did not count starts anew."""
        return cls(**{key: values[key] for key in cls.__dataclass_fields__ if key in values})


def due(rhythm: int | str, step: int, steps: int, steps_per_epoch: int) -> bool:
    """Whether something with this rhythm happens after `step`; it does at the end in any case."""
    if step == steps:
        return True
    every = steps_per_epoch if rhythm == "epoch" else int(rhythm)
    return every > 0 and step % every == 0
