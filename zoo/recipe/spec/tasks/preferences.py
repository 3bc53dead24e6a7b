"""Tasks that learn from preferences: their keys."""

from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.spec.words import Amount, Tokens

Above = Annotated[float, Field(gt=0)]


class PreferenceSpec(TaskSpec):
    """Learn which of two answers is preferred, or whether an answer is wanted."""

    kind: Literal["preference"]
    """Which task: decides the other keys of this section."""
    sequence_length: Tokens
    """Tokens of a prompt with its answer; a longer prompt loses its beginning, the same of both
    answers, and a longer answer its end."""
    loss: Literal["dpo", "ipo", "hinge", "orpo", "simpo", "kto"] = "dpo"
    """What is learned of a pair: `dpo`, its forms `ipo` and `hinge`, and `kto` (rows of one answer
    and a label: wanted or not) compare with the model that the run starts from; `orpo` and `simpo`
    with none."""
    beta: Above | None = None
    """How much a nat counts; of dpo, ipo, hinge and kto the larger, the nearer the model stays to
    the one it starts from. Absent: 0.1, with simpo 2."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] | None = None
    """dpo, simpo: share of the pairs that are taken to be the wrong way round; absent: 0."""
    simpo_gamma: Amount | None = None
    """simpo: by how much the chosen answer's reward should be larger; absent: 1."""
    desirable_weight: Above | None = None
    """kto: what an answer that is wanted weighs; absent: 1."""
    undesirable_weight: Above | None = None
    """kto: what an answer that is not wanted weighs; absent: 1."""
