"""Rewrite a text: summarise, translate, answer (T5, BART, Pegasus and the like)."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.sequences import SequenceToSequenceSpec
from zoo.tasks.amounts import longer_side_of, tokens_of
from zoo.tasks.generation import Writer, generation_config
from zoo.tasks.padding import places
from zoo.tasks.roles import fault, role_faults
from zoo.tasks.scores import ratio
from zoo.tasks.task import IGNORE, NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.files import limit_length, save_tokenizer
from zoo.tasks.text.overlap import overlap_scores, overlap_sums
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.sequences import (
    START,
    Framer,
    decoder_ids,
    from_bytes,
    read_back,
    sequence_faults,
    start_faults,
    taught,
)
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint
from zoo.tasks.text.tokens import (
    attention_mask,
    padded,
    position_faults,
    special_ids,
    texts,
    token_loss,
    token_tally,
    tokenizer_key,
)
from zoo.tasks.text.vocabulary import SEQUENCES

LOST = {"truncated": Lost("task.target_length", "a length that holds the targets")}


class SequenceToSequence(Task):
    """logits (batch, length, vocabulary) against labels (batch, length); the model reads the
    labels shifted, which are made here, as in its own forward.
    """

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tokenizer, configuration and lengths."""
        assert isinstance(recipe.task, SequenceToSequenceSpec)
        self.recipe, self.spec = recipe, recipe.task
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        with collected(faults):
            own = family_config(recipe)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe,
                lambda: texts(source.train, ("source", "target")),
                source.train.fingerprint,
                SEQUENCES,
            )
            faults += sequence_faults(recipe, self.tokenizer)
        if faults:
            raise ConfigError(faults)
        ids, ruler = decoder_ids(recipe, own, self.tokenizer), tokenizer_key(recipe)
        written = {key: (value, ruler) for key, value in ids.items()}
        self.config = model_config(recipe, {**special_ids(recipe, self.tokenizer), **written})
        if START in ids:
            self.config.decoder_start_token_id = ids[START]  # T5's configuration has no such key
        faults += start_faults(recipe, self.config) + self.length_faults()
        faults += router_faults(recipe, self.config, added=False)
        with collected(faults):
            self.generation = generation_config(
                recipe, self.config, self.tokenizer, self.spec.generate, self.spec.target_length
            )
        if faults:
            raise ConfigError(faults)
        limit_length(self.tokenizer, self.spec.source_length)
        self.source = Framer(self.tokenizer, self.spec.source_length)
        self.target = Framer(self.tokenizer, self.spec.target_length)
        self.written, self.lost = Writer(recipe, self.generation), LOST

    def length_faults(self) -> list[Any]:
        """Sources, targets and what is generated must fit the model's positions, and leave room
        for a token between the special ones.
        """
        recipe, faults = self.recipe, []
        lengths = {key: getattr(self.spec, key) for key in ("source_length", "target_length")}
        for key, length in lengths.items():
            faults += position_faults(recipe, self.config, length, f"task.{key}")
            least = length - Framer(self.tokenizer, length).room + 1
            if length < least:
                allowed = f"at least {least}: a token beside the tokenizer's special ones"
                faults.append(fault(recipe, f"task.{key}", str(length), allowed))
        longest = self.spec.generate.max_new_tokens
        if longest:
            key = "task.generate.max_new_tokens"
            faults += position_faults(recipe, self.config, longest, key)
        return faults

    def rows(self, rows: Rows) -> Rows:
        """All of them, as they are."""
        return rows

    def amounts(self, rows: Rows) -> np.ndarray:
        """See Task: tokens of the longer of the two sides."""
        return tokens_of(self.recipe, self, rows, longer_side_of)

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """Ids of both texts, and the target to score with."""
        ids, _ = self.source(self.spec.prefix + row["source"])
        labels, cut = self.target(row["target"])
        text = row["target"].strip()
        return {"ids": ids, "labels": labels, "text": text, "lost": {"truncated": cut}}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """input_ids and attention_mask (batch, longest source), decoder_input_ids and labels
        (batch, longest target), targets as UTF-8 bytes.
        """
        ids = [example["ids"] for example in examples]
        pad = int(self.tokenizer.pad_token_id)
        read, labels, count = taught(examples, int(self.config.decoder_start_token_id), pad)
        inputs = {
            "input_ids": padded(ids, pad),
            "attention_mask": attention_mask(ids),
            "decoder_input_ids": read,
        }
        return {
            "inputs": inputs,
            "labels": labels,
            "count": count,
            "places": places(inputs["attention_mask"], labels["labels"] != IGNORE),
            "lost": lost_in(examples, self.lost),
        }

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Smoothed cross entropy in nats, summed over the target tokens."""
        labels = batch["labels"]["labels"]
        return token_loss(outputs["logits"], labels, self.spec.label_smoothing)

    def predict(self, model: Any, batch: Batch) -> Outputs:
        """One forward over the targets for the loss, and "sequences" (batch, length): ids that the
        model writes. Every rank calls it equally often.
        """
        inputs = batch["inputs"]
        mask = inputs["attention_mask"]
        found = self.written(model, inputs["input_ids"], attention_mask=mask)
        return {**model(**inputs), "sequences": found}

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Plain nats, target tokens, and what written texts share with the wanted ones."""
        labels = batch["labels"]
        found = read_back(self.tokenizer, outputs["sequences"])
        sums = overlap_sums(found, from_bytes(labels["text"]), labels["weight"])
        return {**token_tally(outputs["logits"], batch), **sums}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a token, the share of exact texts, BLEU and ROUGE."""
        return {"loss": ratio(totals["loss"], totals["count"]), **overlap_scores(totals)}

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"tokenizer": tokenizer_fingerprint(self.tokenizer)}

    def save(self, folder: Path) -> None:
        """The tokenizer's files, and how the model writes."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)
        self.generation.save_pretrained(folder)
