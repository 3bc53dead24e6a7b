"""Name the class of a text or of a pair of texts, several of them, or a number."""

from pathlib import Path

import numpy as np
from torch import Tensor

from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, Fault, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import SequenceClassificationSpec
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.amounts import length_of, tokens_of
from zoo.tasks.padding import places
from zoo.tasks.problems.classification import Classification, build_problem
from zoo.tasks.problems.single_label import SingleLabel
from zoo.tasks.roles import (
    chosen_roles,
    fault,
    kind_roles,
    role_faults,
)
from zoo.tasks.scores import accuracy, confusion, f1, macro_f1, matthews, ratio
from zoo.tasks.task import NO_RECORDS, Records
from zoo.tasks.text.files import limit_length, save_tokenizer
from zoo.tasks.text.masking import Hiding, hiding_faults
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.tokenizer import build_tokenizer, framer, tokenizer_fingerprint
from zoo.tasks.text.tokens import (
    attention_mask,
    has_segments,
    pad_faults,
    padded,
    position_faults,
    special_ids,
    texts,
)
from zoo.tasks.text.vocabulary import ENCODER


class ByConfusion(SingleLabel):
    """One class a text, scored by a confusion matrix."""

    def faults(self) -> list[Fault]:
        """See SingleLabel; and a score of two classes that the recipe asks of others."""
        found = super().faults()
        names, run = self.source.labels or (), self.recipe.run
        if found or len(names) == 2:
            return found
        asked = {"run.best_metric": run.best_metric or ""}
        asked |= {f"run.expected.{name}": name for name in run.expected}
        scores = kind_of(self.recipe.task).scores
        of_two = {name for name, score in scores.items() if score.of_two}
        given = ", ".join(name for name in scores if name not in of_two)
        return [
            fault(self.recipe, key, f"{name} with {len(names)} classes", f"two classes, or {given}")
            for key, name in asked.items()
            if name.rpartition("/")[2] in of_two
        ]

    def tally(self, logits: Tensor, labels: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Plain nats, examples, and a confusion matrix (label, prediction)."""
        matrix = confusion(logits.argmax(-1), labels, weight, logits.shape[-1])
        return {**super().tally(logits, labels, weight), "confusion": matrix}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats an example, accuracy, macro F1, Matthews' correlation, and of two
        classes the F1 of the second.
        """
        matrix = totals["confusion"]
        of_two = {"f1": f1(matrix)} if len(matrix) == 2 else {}
        return {
            "loss": ratio(totals["loss"], totals["count"]),
            "accuracy": accuracy(matrix),
            "macro_f1": macro_f1(matrix),
            "matthews": matthews(matrix),
            **of_two,
        }


class SequenceClassification(Classification):
    """Texts, or pairs of them; see Classification."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, labels, tokenizer and length."""
        assert isinstance(recipe.task, SequenceClassificationSpec)
        self.recipe, self.spec = recipe, recipe.task
        choices = [tuple(r for r in roles if r != "label") for roles in kind_roles(recipe)]
        roles = chosen_roles(source, *choices)
        self.problem = build_problem(recipe, source, ByConfusion)
        faults = role_faults(recipe, source, (*roles, "label"))
        faults += self.problem.faults()
        if faults:
            raise ConfigError(faults)
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe, lambda: texts(source.train, roles), source.train.fingerprint, ENCODER
            )
            faults += pad_faults(recipe, self.tokenizer)
            faults += hiding_faults(recipe, self.tokenizer, self.spec.mask_probability)
            self.config = model_config(
                recipe, {**special_ids(recipe, self.tokenizer), **self.problem.written()}
            )
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=False)
        if faults:
            raise ConfigError(faults)
        limit_length(self.tokenizer, self.spec.sequence_length)
        self.framed = framer(self.tokenizer, self.spec.sequence_length)
        self.hiding = Hiding(self.tokenizer)
        self.pair = "text_pair" in roles
        self.segments = has_segments(self.tokenizer, self.config)

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: tokens."""
        return tokens_of(self.recipe, self, rows, length_of)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """Token ids framed by the tokenizer's special tokens, segments, and the label.

        Raises CorruptExample for a text of which the tokenizer makes nothing.
        """
        ids, segments = self.framed(row["text"], row["text_pair"] if self.pair else None)
        while ids and ids[-1] == self.tokenizer.pad_token_id:  # decoders read at the last other
            ids.pop()
        if not ids:
            raise CorruptExample(f"a text without tokens: {row['text'][:40]!r}")
        label = self.problem.label(row["label"])
        return {"ids": ids, "segments": segments[: len(ids)], "label": label}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """input_ids and attention_mask (batch, longest); in training some tokens are hidden."""
        ids = [example["ids"] for example in examples]
        tokens = padded(ids, self.tokenizer.pad_token_id)
        if training and self.spec.mask_probability:
            tokens = self.hiding.hidden(tokens, self.spec.mask_probability, rng)
        inputs = {"input_ids": tokens, "attention_mask": attention_mask(ids)}
        if self.segments:
            inputs["token_type_ids"] = padded([example["segments"] for example in examples], 0)
        labels, count = self.targets(examples)
        filled = places(inputs["attention_mask"])
        return {"inputs": inputs, "labels": labels, "count": count, "places": filled}

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {**super().digests(), "tokenizer": tokenizer_fingerprint(self.tokenizer)}

    def save(self, folder: Path) -> None:
        """The tokenizer's files."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)
