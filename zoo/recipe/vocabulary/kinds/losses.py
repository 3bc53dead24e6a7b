"""The losses of preferences: one entry each, with what a recipe and a task ask about it."""

from dataclasses import dataclass

from zoo.recipe.vocabulary.scores import PAIRS

JUDGED = (("prompt", "completion", "label"),)


@dataclass(frozen=True)
class PreferenceLoss:
    """One value of `task.loss`."""

    doc: str
    beta: float = 0.1
    """What `task.beta` stands for where it is absent."""
    keys: tuple[str, ...] = ()
    """Keys of the task that it has beside those of all."""
    reference: bool = False
    """Compares with the model that the run starts from."""
    average: bool = False
    """Takes log-probabilities a token, not their sum over an answer."""
    roles: tuple[tuple[str, ...], ...] = PAIRS
    """What rows must hold; see Kind."""


LOSSES = {
    "dpo": PreferenceLoss(
        "Rafailov et al. 2023, arXiv 2305.18290, eq. 7; smoothed: Mitchell 2023, cDPO",
        keys=("label_smoothing",),
        reference=True,
    ),
    "ipo": PreferenceLoss(
        "Azar et al. 2023, arXiv 2310.12036, eq. 17, of means over tokens",
        reference=True,
        average=True,
    ),
    "hinge": PreferenceLoss("Zhao et al. 2023 (SLiC), arXiv 2305.10425", reference=True),
    "orpo": PreferenceLoss("Hong et al. 2024, arXiv 2403.07691, eq. 6", average=True),
    "simpo": PreferenceLoss(
        "Meng et al. 2024, arXiv 2405.14734, eq. 6",
        beta=2.0,
        keys=("label_smoothing", "simpo_gamma"),
        average=True,
    ),
    "kto": PreferenceLoss(
        "Ethayarajh et al. 2024, arXiv 2402.01306, eq. 8",
        keys=("desirable_weight", "undesirable_weight"),
        reference=True,
        roles=JUDGED,
    ),
}
KEYS = tuple(dict.fromkeys(key for one in LOSSES.values() for key in one.keys))
"""Every key that only some losses have."""
