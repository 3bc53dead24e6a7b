"""Learn which of two answers is preferred, or which are wanted: DPO and its kin, KTO."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.preferences import PreferenceSpec
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.amounts import tokens_of
from zoo.tasks.padding import places
from zoo.tasks.preferences.answers import (
    BOTH,
    OTHER,
    WithOthers,
    fitted_answers,
    holds_chats,
    said,
    shifted,
    truncated,
)
from zoo.tasks.preferences.losses import Form, log_probabilities, reference_point
from zoo.tasks.roles import chosen_roles, kind_roles, role_faults, sets
from zoo.tasks.scores import ratio
from zoo.tasks.task import IGNORE, NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.chats.templates import Templated, chat_specials, give_template, written_by
from zoo.tasks.text.conversations import opening_of
from zoo.tasks.text.encoding import Speller
from zoo.tasks.text.files import save_generation, save_tokenizer
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.tokenizer import build_tokenizer
from zoo.tasks.text.tokens import (
    attention_mask,
    padded,
    position_faults,
    special_ids,
)
from zoo.tasks.text.vocabulary import CAUSAL

LOST = {
    "dropped": Lost("task.sequence_length", "rows with answers of an assistant"),
    "truncated": Lost("task.sequence_length", "a length that holds the answers"),
}
JUDGED = ("completion", OTHER)
"""The answers of a row without BOTH that the model reads, one after the other."""


class Preference(Task):
    """logits (2 examples, length, vocabulary) against labels (2 examples, length), shifted already:
    two rows an example, next to each other. Targets are pairs; of KTO answers, the second row of
    which is the answer to another prompt.
    """

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tokenizer, configuration and length."""
        assert isinstance(recipe.task, PreferenceSpec)
        self.recipe, self.spec, self.form = recipe, recipe.task, Form.of(recipe.task)
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        roles = chosen_roles(source, *kind_roles(recipe))
        self.answers = BOTH if set(BOTH) <= set(roles) else JUDGED
        chats, given = holds_chats(list(sets(source).values())), Templated()
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe,
                lambda: said(source.train, roles),
                source.train.fingerprint,
                chat_specials(recipe) if chats else CAUSAL,
            )
            if chats:
                given = give_template(recipe, self.tokenizer)
            faults += given.faults
            self.config = model_config(recipe, special_ids(recipe, self.tokenizer))
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=False)
        if faults:
            raise ConfigError(faults)
        self.speller, self.ends, self.notes = Speller.of(self.tokenizer), given.ends, given.notes
        self.opening, self.chats = opening_of(self.tokenizer, chats), chats
        self.lost = LOST
        if self.form.entry.reference:
            self.reference = f"{' and '.join(self.answers)}, {self.spec.sequence_length} tokens"

    def rows(self, rows: Rows) -> Rows:
        """All of them; single answers with one to another prompt."""
        return WithOthers(rows) if self.answers == JUDGED else rows

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: tokens of both rows, each padded to the longer."""
        return kind_of(self.spec).sides * tokens_of(self.recipe, self, rows, longer_of)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """Ids and shifted labels of both sides, and the reference's log-probabilities of them."""
        answers = [row[role] for role in self.answers]
        length = self.spec.sequence_length + 1
        whole, sides = fitted_answers(
            self.speller, self.opening, row.get("prompt"), answers, length
        )
        if any(len(ids) < 2 for ids, _ in sides):
            raise CorruptExample("a prompt with an answer of less than two tokens")
        found = {
            "sides": [shifted(ids, marks, IGNORE) for ids, marks in sides],
            "reference": row.get("reference", (np.nan, np.nan)),
            "lost": {
                "dropped": not all(any(marks[1:]) for _, marks in sides),
                "truncated": truncated(whole, sides),
            },
        }
        return found | ({"wanted": bool(row["label"])} if "label" in row else {})

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """Both sides of each example, one after the other; an example counts where both have a
        target.
        """
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        fill = next(token for token in known if token is not None)
        sides = [side for example in examples for side in example["sides"]]
        ids = [read for read, _ in sides]
        counted = torch.tensor([e["weight"] > 0 and not e["lost"]["dropped"] for e in examples])
        labels = padded([targets for _, targets in sides], IGNORE)
        labels[~counted.repeat_interleave(2)] = IGNORE
        reference = torch.from_numpy(np.array([e["reference"] for e in examples], np.float32))
        inputs = {"input_ids": padded(ids, fill), "attention_mask": attention_mask(ids)}
        own = {"labels": labels, "counted": counted, "reference": reference}
        if "wanted" in examples[0]:
            own["wanted"] = torch.tensor([example["wanted"] for example in examples])
        return {
            "inputs": inputs,
            "labels": own,
            "count": counted.sum().double(),
            "lost": lost_in(examples, self.lost),
            "places": places(inputs["attention_mask"]),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The losses of all pairs, or answers, added up."""
        return self.judged(outputs, batch)[0].sum()

    def judged(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of each example (examples,): the loss, what is compared of both sides, and KTO's
        reference point; 0 of what does not count, connected to the outputs all the same.
        """
        own = batch["labels"]
        counted, labels = own["counted"], own["labels"]
        tokens = (labels != IGNORE).sum(1).clamp(min=1).view(-1, 2)
        sums = log_probabilities(outputs["logits"], labels).view(-1, 2)
        reference = torch.where(counted[:, None], own["reference"], 0.0)
        # What has no target is taken for an improbable answer: its logarithms have a gradient.
        compared = torch.where(counted[:, None], self.form.compared(sums, reference, tokens), -1.0)
        first, second = compared.unbind(1)
        point = torch.zeros(())
        if self.answers == JUDGED:
            point = reference_point(second, counted)
            losses = self.form.of_answers(first, own["wanted"], point)
        else:
            losses = self.form.of_pairs(first, second)
        return torch.where(counted, losses, 0.0), first, second, point

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Losses, and of chosen and rejected answers how many, their rewards and nats."""
        own, counted = batch["labels"], batch["labels"]["counted"]
        losses, first, second, point = self.judged(outputs, batch)
        sums = log_probabilities(outputs["logits"], own["labels"]).view(-1, 2)
        if self.answers == JUDGED:
            wanted = own["wanted"]
            sides = [(first, sums[:, 0], counted & wanted), (first, sums[:, 0], counted & ~wanted)]
            right = (first > point) == wanted
        else:
            sides = [(first, sums[:, 0], counted), (second, sums[:, 1], counted)]
            right = first > second
        found = {"loss": losses.sum(), "count": counted.sum(), "right": (right & counted).sum()}
        for name, (compared, nats, there) in zip(BOTH, sides, strict=True):
            found[f"{name}_count"] = there.sum()
            found[f"{name}_reward"] = torch.where(there, self.form.beta * compared, 0.0).sum()
            found[f"{name}_nats"] = torch.where(there, nats, 0.0).sum()
        return {name: value.detach().double() for name, value in found.items()}

    def records(self, outputs: Outputs, batch: Batch) -> dict[str, Any]:
        """See `reference` of Task: log-probabilities of both answers, (examples, 2)."""
        sums = log_probabilities(outputs["logits"], batch["labels"]["labels"])
        return {"reference": sums.detach().view(-1, 2)}

    @property
    def has_records(self) -> bool:
        """Scores need none."""
        return False

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """See PREFERENCES (recipe/vocabulary/scores.py)."""

        def mean(what: str, side: str) -> float:
            return ratio(totals[f"{side}_{what}"], totals[f"{side}_count"])

        return {
            "reward_accuracy": ratio(totals["right"], totals["count"]),
            "loss": ratio(totals["loss"], totals["count"]),
            "margin": mean("reward", "chosen") - mean("reward", "rejected"),
            "chosen_logp": mean("nats", "chosen"),
            "rejected_logp": mean("nats", "rejected"),
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return written_by(self.tokenizer, self.chats)

    def save(self, folder: Path) -> None:
        """The tokenizer's files, and how a pretrained model generates."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)
        save_generation(self.recipe, self.tokenizer, folder, self.ends)


def longer_of(example: Example) -> int:
    """Of the two sides: a micro-batch is padded to the longest of all."""
    return max(len(ids) for ids, _ in example["sides"])
