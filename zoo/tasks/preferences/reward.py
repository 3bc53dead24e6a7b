"""Give the better of two answers the larger number: reward models (Bradley and Terry 1952)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import SequenceClassificationSpec
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.amounts import tokens_of
from zoo.tasks.padding import places
from zoo.tasks.preferences.answers import (
    BOTH,
    fitted_answers,
    holds_chats,
    said,
    truncated,
)
from zoo.tasks.roles import chosen_roles, kind_roles, role_faults, sets
from zoo.tasks.scores import ratio
from zoo.tasks.task import NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.chats.templates import Templated, give_template, written_by
from zoo.tasks.text.conversations import opening_of
from zoo.tasks.text.encoding import Ids, Speller
from zoo.tasks.text.files import limit_length, save_tokenizer
from zoo.tasks.text.masking import Hiding, hiding_faults
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.tokenizer import build_tokenizer
from zoo.tasks.text.tokens import (
    attention_mask,
    pad_faults,
    padded,
    position_faults,
    special_ids,
)
from zoo.tasks.text.vocabulary import ENCODER

LOST = {"truncated": Lost("task.sequence_length", "a length that holds the answers")}
WRITTEN = {
    "num_labels": 1,
    "id2label": {0: "reward"},
    "label2id": {"reward": 0},
    "problem_type": "regression",  # what transformers calls a head that gives a number
}


class RewardModel(Task):
    """logits (2 examples, 1): the rewards of a prompt with its chosen and with its rejected answer,
    next to each other. The loss of a pair is -log sigmoid of their difference.
    """

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tokenizer, configuration and length."""
        assert isinstance(recipe.task, SequenceClassificationSpec)
        self.recipe, self.spec, self.lost = recipe, recipe.task, LOST
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        roles = chosen_roles(source, *kind_roles(recipe))
        chats, given = holds_chats(list(sets(source).values())), Templated()
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe, lambda: said(source.train, roles), source.train.fingerprint, ENCODER
            )
            faults += pad_faults(recipe, self.tokenizer)
            faults += hiding_faults(recipe, self.tokenizer, self.spec.mask_probability)
            if chats:
                given = give_template(recipe, self.tokenizer)
            faults += given.faults
            written = {key: (value, "task.problem") for key, value in WRITTEN.items()}
            self.config = model_config(recipe, special_ids(recipe, self.tokenizer) | written)
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=False)
        if faults:
            raise ConfigError(faults)
        limit_length(self.tokenizer, self.spec.sequence_length)
        self.speller, self.hiding = Speller.of(self.tokenizer), Hiding(self.tokenizer)
        self.opening, self.chats, self.notes = opening_of(self.tokenizer, chats), chats, given.notes

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: tokens of both rows, each padded to the longer."""
        return kind_of(self.spec).sides * tokens_of(self.recipe, self, rows, longer_of)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """Ids of both sides."""
        answers, length = [row[role] for role in BOTH], self.spec.sequence_length
        sides, cut = rewarded(self.speller, self.opening, row.get("prompt"), answers, length)
        return {"sides": sides, "lost": {"truncated": cut}}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """Both sides of each example, one after the other; in training some tokens are hidden."""
        ids = [side for example in examples for side in example["sides"]]
        tokens = padded(ids, int(self.tokenizer.pad_token_id))
        if training and self.spec.mask_probability:
            tokens = self.hiding.hidden(tokens, self.spec.mask_probability, rng)
        counted = torch.tensor([example["weight"] > 0 for example in examples])
        inputs = {"input_ids": tokens, "attention_mask": attention_mask(ids)}
        return {
            "inputs": inputs,
            "labels": {"counted": counted},
            "count": counted.sum().double(),
            "lost": lost_in(examples, self.lost),
            "places": places(inputs["attention_mask"]),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """-log sigmoid of each difference, in nats, added up."""
        gaps, counted = gaps_of(outputs), batch["labels"]["counted"]
        return torch.where(counted, -F.logsigmoid(gaps), 0.0).sum()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats, pairs, those in the right order, and differences of rewards."""
        gaps, counted = gaps_of(outputs).detach(), batch["labels"]["counted"]
        found = {
            "loss": self.loss(outputs, batch).detach(),
            "count": counted.sum(),
            "right": ((gaps > 0) & counted).sum(),
            "margin": torch.where(counted, gaps, 0.0).sum(),
        }
        return {name: value.double() for name, value in found.items()}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a pair, the share in the right order, the mean difference."""
        count = totals["count"]
        return {
            "accuracy": ratio(totals["right"], count),
            "loss": ratio(totals["loss"], count),
            "margin": ratio(totals["margin"], count),
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return written_by(self.tokenizer, self.chats)

    def save(self, folder: Path) -> None:
        """The tokenizer's files."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)


def rewarded(
    speller: Speller,
    opening: Callable[[Ids], int],
    prompt: Any,
    answers: Sequence[Any],
    length: int,
) -> tuple[list[Ids], bool]:
    """What is read of each answer behind the prompt, at most `length` ids and no padding behind
    them (decoders read at the last other token), and whether an answer lost some of its own.

    Raises CorruptExample as `answered`, and for an answer of which nothing is left.
    """
    whole, fitted = fitted_answers(speller, opening, prompt, answers, length)
    sides = [ids for ids, _ in fitted]
    for ids in sides:
        while ids and ids[-1] == speller.tokenizer.pad_token_id:
            ids.pop()
    if not all(sides):
        raise CorruptExample("a prompt with an answer of no token")
    return sides, truncated(whole, fitted)


def gaps_of(outputs: Outputs) -> Tensor:
    """The chosen answer's reward less the rejected one's, float32 (examples,)."""
    chosen, rejected = outputs["logits"].float().view(-1, 2).unbind(1)
    return chosen - rejected


def longer_of(example: Example) -> int:
    """Of the two sides: a micro-batch is padded to the longest of all."""
    return max(map(len, example["sides"]))
