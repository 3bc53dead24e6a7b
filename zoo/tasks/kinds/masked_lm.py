"""Predict hidden tokens of packed text (BERT)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.data.cache import cache_root
from zoo.data.corrupt import CorruptLimit
from zoo.data.preparing.pack import pack
from zoo.data.rows import Batch, Example, Row, Rows
from zoo.data.source import Source
from zoo.errors import ConfigError, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import MaskedLMSpec
from zoo.tasks.roles import fault, role_faults
from zoo.tasks.scores import bits, perplexity, ratio
from zoo.tasks.task import IGNORE, NO_RECORDS, Outputs, Records, Task
from zoo.tasks.text.encoding import document_frame, scheme
from zoo.tasks.text.files import limit_length, save_tokenizer
from zoo.tasks.text.masking import Hiding
from zoo.tasks.text.router import router_faults
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint
from zoo.tasks.text.tokens import (
    position_faults,
    special_ids,
    target_count,
    texts,
    token_loss,
    token_tally,
    tokenizer_key,
)
from zoo.tasks.text.vocabulary import ENCODER


class MaskedLM(Task):
    """logits (batch, length, vocabulary) against labels (batch, length)."""

    makes_rows = True

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tokenizer, configuration and length."""
        assert isinstance(recipe.task, MaskedLMSpec)
        self.recipe, self.spec = recipe, recipe.task
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe, lambda: texts(source.train, ["text"]), source.train.fingerprint, ENCODER
            )
            if self.tokenizer.mask_token_id is None:
                key = tokenizer_key(recipe)
                faults.append(
                    fault(recipe, key, "a tokenizer without mask token", "one that has one")
                )
            self.config = model_config(recipe, special_ids(recipe, self.tokenizer))
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=False)
        if faults:
            raise ConfigError(faults)
        self.hiding = Hiding(self.tokenizer)
        limit_length(self.tokenizer, self.spec.sequence_length)
        frame = (self.tokenizer.cls_token_id, self.tokenizer.sep_token_id)
        self.frame = None if None in frame else frame

    def rows(self, rows: Rows) -> Rows:
        """Packed blocks; framed by [CLS] and [SEP] they have sequence_length tokens, and [SEP]
        stands between documents.
        """
        tokenizer, end = self.tokenizer, self.tokenizer.sep_token_id
        return pack(
            rows,
            scheme(
                tokenizer,
                tokenizer_fingerprint(tokenizer),
                document_frame(tokenizer) if end is None else ([], [end]),
            ),
            self.spec.sequence_length - (2 if self.frame else 0),
            0,
            cache_root(self.recipe.data),
            CorruptLimit.of(self.recipe, rows),
        )

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """One block of token ids, int64 (sequence_length,); in evaluation with what is hidden.

        There each block has draws of its own, so that scores do not depend on the micro-batch.
        """
        ids = row["input_ids"]
        if self.frame:
            ids = np.concatenate([self.frame[:1], ids, self.frame[1:]])
        if training:
            return {"ids": ids}
        shown, labels = self.hidden(torch.from_numpy(ids[None]), rng)
        return {"ids": ids, "shown": shown[0], "labels": labels[0]}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """Draws what is hidden in training; in evaluation the examples say so."""
        if training:
            tokens = torch.from_numpy(np.stack([example["ids"] for example in examples]))
            shown, labels = self.hidden(tokens, rng)
        else:
            shown = torch.stack([example["shown"] for example in examples])
            labels = torch.stack([example["labels"] for example in examples])
        labels[torch.tensor([example["weight"] == 0 for example in examples])] = IGNORE
        return {
            "inputs": {"input_ids": shown},
            "labels": {"labels": labels},
            "count": target_count(labels),
        }

    def hidden(self, tokens: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """What to show and what to predict of blocks, int64 (batch, length)."""
        return self.hiding.targets(tokens, self.spec.mask_probability, self.spec.whole_word, rng)

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Cross entropy in nats, summed over the hidden tokens."""
        return token_loss(outputs["logits"], batch["labels"]["labels"])

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats, hidden tokens, and how many of them come first."""
        logits, labels = outputs["logits"], batch["labels"]["labels"]
        right = (logits.argmax(-1) == labels).sum().double()
        return {**token_tally(logits, batch), "right": right}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a hidden token, its exponential, bits, and the share of right ones."""
        loss = ratio(totals["loss"], totals["count"])
        return {
            "loss": loss,
            "perplexity": perplexity(loss),
            "accuracy": ratio(totals["right"], totals["count"]),
            "bits_per_token": bits(totals["loss"], totals["count"]),
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return {"tokenizer": tokenizer_fingerprint(self.tokenizer)}

    def save(self, folder: Path) -> None:
        """The tokenizer's files."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)
