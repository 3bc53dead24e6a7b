"""What a model that learned from preferences writes, and which answers it prefers itself."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoo.data.rows import Row
from zoo.predicting.against import Stretch, Told, plain
from zoo.predicting.exported import Exported, Options
from zoo.predicting.generation import Continuation, written
from zoo.predicting.predictor import Answer
from zoo.recipe.spec.tasks.preferences import PreferenceSpec
from zoo.tasks.preferences.answers import (
    BOTH,
    fitted_answers,
    holds_turns,
    last_words,
    question_of,
    shifted,
)
from zoo.tasks.preferences.losses import Form, log_probabilities
from zoo.tasks.task import IGNORE
from zoo.tasks.text.conversations import opening_of
from zoo.tasks.text.encoding import Speller
from zoo.tasks.text.tokens import attention_mask, padded

HEADS = ("preferred", "not preferred")
"""What the answers of a pair are called, the chosen one first."""
REFERENCE = "reference"
"""What the model that a run starts from told of a row, where the row holds it."""


@dataclass(frozen=True)
class Judged:
    """An answer of a row: its text, its log-probability in nats, and the reward that the loss sees;
    None where that hangs on a reference that is not at hand.
    """

    text: str
    nats: float
    reward: float | None

    def under(self, head: str) -> tuple[str, list[Stretch]]:
        """It with its numbers."""
        reward = "" if self.reward is None else f"reward {self.reward:.3g}, "
        return plain(f"{head}: {reward}log\u2011probability {self.nats:.4g} nats", self.text)


class Judging(Continuation):
    """What is written behind a prompt; of a row's own answers how likely they are."""

    def __init__(self, exported: Exported, options: Options) -> None:
        super().__init__(exported, options)
        assert isinstance(exported.recipe.task, PreferenceSpec)
        self.form, self.speller = Form.of(exported.recipe.task), Speller.of(self.tokenizer)
        self.longest = exported.recipe.task.sequence_length + 1

    def parted(self, row: Row, seed: int) -> tuple[Row, Row]:
        """A prompt without its answers, and these as the row has them."""
        answers = [row[role] for role in (*BOTH, "completion") if role in row]
        if not answers:
            return super().parted(row, seed)
        kept = {name: row[name] for name in ("prompt", "label", REFERENCE) if name in row}
        return question_of(row.get("prompt"), answers), {"answers": answers, **kept}

    def right(self, asked: Row, rest: Row) -> Answer:
        """The row's answers with what the model makes of them, the preferred one first, and its
        "text"; of a single one whether it is "wanted".

        Raises CorruptExample for answers that cannot be read.
        """
        if "answers" not in rest:
            return super().right(asked, rest)
        wanted = {"wanted": bool(rest["label"])} if "label" in rest else {}
        judged = self.judged(rest)
        return {"text": judged[0].text, "_answers": judged, **wanted}

    @torch.inference_mode()
    def judged(self, rest: Row) -> list[Judged]:
        """What the model makes of each answer, cut and read as in training."""
        answers = rest["answers"]
        opening = opening_of(self.tokenizer, holds_turns([rest.get("prompt"), *answers]))
        _, fitted = fitted_answers(self.speller, opening, rest.get("prompt"), answers, self.longest)
        sides = [shifted(ids, marks, IGNORE) for ids, marks in fitted]
        ids, labels = [read for read, _ in sides], padded([wanted for _, wanted in sides], IGNORE)
        inputs = {"input_ids": padded(ids, 0), "attention_mask": attention_mask(ids)}
        there = {name: one.to(self.model.device) for name, one in inputs.items()}
        nats = log_probabilities(self.model(**there).logits.cpu(), labels)
        rewards = self._rewards(nats, labels, rest.get(REFERENCE))
        return [
            Judged(last_words(text), *pair)
            for text, *pair in zip(answers, nats.tolist(), rewards, strict=True)
        ]

    def _rewards(self, nats: Tensor, labels: Tensor, reference: Any) -> list[float | None]:
        if reference is None and self.form.entry.reference:
            return [None] * len(nats)
        given = torch.zeros_like(nats) if reference is None else torch.tensor(reference)
        tokens = (labels != IGNORE).sum(1).clamp(min=1)
        compared = self.form.compared(nats, given[: len(nats)], tokens)
        found: list[float | None] = (self.form.beta * compared).tolist()
        return found

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """What was written, the row's answers with their rewards, and which has the larger one."""
        if "_answers" not in right:
            return super().told(asked, answer, right)
        first, *others = right["_answers"]
        if not others:
            wanted = "wanted" if right.get("wanted", True) else "not wanted"
            return [*written(asked, answer), first.under(wanted)]
        pair = [one.under(head) for one, head in zip((first, *others), HEADS, strict=True)]
        return [*written(asked, answer), *pair, *larger(first.reward, others[0].reward)]


def larger(first: float | None, second: float | None) -> Told:
    """Which of two answers a model gives the larger reward; nothing where that is not known."""
    if first is None or second is None:
        return []
    margin, right = f"margin {first - second:.3g}", first > second
    text = "the preferred answer" if right else "the other answer"
    return [("the larger reward has", [Stretch(text, "right" if right else "wrong", margin)])]
