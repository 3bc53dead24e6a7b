"""What `task.problem` changes in the entries of classifications."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.recipe.vocabulary.kinds.usage import JUDGES
from zoo.recipe.vocabulary.scores import LOSS, MACRO_F1, MARGIN, PAIRS, Score


@dataclass(frozen=True)
class Problem:
    """One value of `task.problem` beside "single-label", of which a kind's own entry speaks."""

    scores: Mapping[str, Score]
    """What it is scored by; the first is the headline."""
    classes: bool
    """Its labels name classes, which become ids; else they are numbers."""
    more: Mapping[str, Any] = field(default_factory=lambda: {"several": True})
    """What else it changes in a kind's entry."""


PROBLEMS = {
    "multi-label": Problem(
        scores={
            "micro_f1": Score("F1 over all pairs of an example and a class.", True, metric="f1"),
            "macro_f1": MACRO_F1,
            "exact": Score("Share of examples with every class right.", larger_is_better=True),
            "mean_ap": Score(
                "Unweighted mean of average precision over the classes that occur.",
                larger_is_better=True,
            ),
            "loss": LOSS,
        },
        classes=True,
    ),
    "regression": Problem(
        scores={
            "pearson": Score(
                "Pearson's correlation of guess and label.",
                True,
                metric="pearsonr",
                unit="correlation",
            ),
            "spearman": Score(
                "Spearman's correlation, of their ranks.",
                True,
                metric="spearmanr",
                unit="correlation",
            ),
            "mse": Score("Mean squared error.", metric="mse", unit="squared error"),
            "mae": Score("Mean absolute error.", metric="mae", unit="absolute error"),
            "loss": Score("Mean squared error, what is learned.", unit="squared error"),
        },
        classes=False,
    ),
    "pairs": Problem(
        scores={
            "accuracy": Score(
                "Share of pairs whose chosen answer gets the larger reward.",
                larger_is_better=True,
                metric="accuracy",
                unit="share of pairs",
            ),
            "loss": Score("Mean loss of a pair, in nats (Bradley and Terry).", unit="nats a pair"),
            "margin": MARGIN,
        },
        classes=False,
        more={
            "task": "zoo.tasks.preferences.reward:RewardModel",
            "roles": PAIRS,
            "built_in": ("docstring-preferences",),
            "unit": "pairs",
            "sides": 2,
            "may_be_blank": ("prompt",),
            "may_be_chats": ("prompt", *PAIRS[1], "completion"),
            "predictor": "zoo.predicting.judging.rewards:Rewards",
            "usage": JUDGES,
        },
    ),
}
