"""What is learned of log-probabilities of answers, row by row, in float32 and nats.

`chosen`, `rejected` and `found` (rows,) are what a loss compares of an answer (`compared`): its
log-probability, less that of the reference where it has one, a token where it takes averages. As
TRL's, but for two means that would not be sums over rows: its ORPO divides the likelihood of the
chosen answers by the tokens of the micro-batch, prompts among them, and its KTO takes the mean of
the data ranks' reference points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.recipe.spec.tasks.preferences import PreferenceSpec
from zoo.recipe.vocabulary.kinds.losses import LOSSES, PreferenceLoss
from zoo.tasks.task import IGNORE

_CERTAIN = -1e-6  # nats a token, above which the odds of an answer are as good as infinite


def log_probabilities(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over each row's targets, (rows,): logits (rows, length, vocabulary), labels (rows,
    length), shifted already.
    """
    flat, targets = logits.float().flatten(0, 1), labels.flatten()
    each = F.cross_entropy(flat, targets, ignore_index=IGNORE, reduction="none")
    return -each.view(labels.shape).sum(1)


@dataclass(frozen=True)
class Form:
    """A loss with its numbers."""

    name: str
    entry: PreferenceLoss
    beta: float
    smoothing: float
    gamma: float
    desirable: float
    undesirable: float

    @classmethod
    def of(cls, spec: PreferenceSpec) -> "Form":
        """What a recipe says, with what absent keys stand for."""
        entry = LOSSES[spec.loss]

        def said(value: float | None, otherwise: float) -> float:
            return otherwise if value is None else value

        return cls(
            spec.loss,
            entry,
            said(spec.beta, entry.beta),
            said(spec.label_smoothing, 0.0),
            said(spec.simpo_gamma, 1.0),
            said(spec.desirable_weight, 1.0),
            said(spec.undesirable_weight, 1.0),
        )

    def compared(self, sums: Tensor, reference: Tensor, tokens: Tensor) -> Tensor:
        """What this loss compares of answers: all of one shape, `tokens` at least 1."""
        relative = sums - reference if self.entry.reference else sums
        return relative / tokens if self.entry.average else relative

    def of_pairs(self, chosen: Tensor, rejected: Tensor) -> Tensor:
        """The loss of each pair."""
        return PAIRED[self.name](self, chosen, rejected)

    def of_answers(self, found: Tensor, wanted: Tensor, point: Tensor) -> Tensor:
        """KTO's loss of each answer; `wanted` says which are, `point` is the reference point."""
        gain = torch.where(wanted, found - point, point - found)
        weight = torch.where(wanted, self.desirable, self.undesirable)
        return weight * (1 - torch.sigmoid(self.beta * gain))


def reference_point(mismatched: Tensor, counted: Tensor) -> Tensor:
    """KTO's z0, 0-d and without gradient: the mean, not below 0, of what is `compared` of answers
    to other prompts, over the rows that count.
    """
    mean = torch.where(counted, mismatched.detach(), 0.0).sum() / counted.sum().clamp(min=1)
    return mean.clamp(min=0.0)


def dpo(form: Form, chosen: Tensor, rejected: Tensor) -> Tensor:
    """Binary cross entropy of the difference of the rewards."""
    return _smoothed(form.beta * (chosen - rejected), form.smoothing)


def ipo(form: Form, chosen: Tensor, rejected: Tensor) -> Tensor:
    """The square of how far the difference is from 1 / (2 beta)."""
    return (chosen - rejected - 1 / (2 * form.beta)) ** 2


def hinge(form: Form, chosen: Tensor, rejected: Tensor) -> Tensor:
    """What the difference of the rewards lacks to be 1."""
    return F.relu(1 - form.beta * (chosen - rejected))


def orpo(form: Form, chosen: Tensor, rejected: Tensor) -> Tensor:
    """The chosen answer's negative log-likelihood a token, and beta times that of its odds' being
    the larger ones.
    """
    return -chosen - form.beta * F.logsigmoid(_log_odds(chosen) - _log_odds(rejected))


def simpo(form: Form, chosen: Tensor, rejected: Tensor) -> Tensor:
    """DPO's without a reference and with a margin."""
    return _smoothed(form.beta * (chosen - rejected) - form.gamma, form.smoothing)


PAIRED: dict[str, Callable[[Form, Tensor, Tensor], Tensor]] = {
    "dpo": dpo,
    "ipo": ipo,
    "hinge": hinge,
    "orpo": orpo,
    "simpo": simpo,
}


def _smoothed(margin: Tensor, smoothing: float) -> Tensor:
    return -(1 - smoothing) * F.logsigmoid(margin) - smoothing * F.logsigmoid(-margin)


def _log_odds(found: Tensor) -> Tensor:
    certain = found.clamp(max=_CERTAIN)
    return certain - torch.log(-torch.expm1(certain))
