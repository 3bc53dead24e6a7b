"""Predict the next token: of packed text, of completions, of what the assistant says in chats."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.cache import cache_root
from zoo.data.corrupt import CorruptLimit
from zoo.data.preparing.pack import pack
from zoo.data.rows import Batch, CorruptExample, Example, Row, Rows
from zoo.data.source import Source
from zoo.data.tokens.bins import Bins
from zoo.errors import ConfigError, collected
from zoo.models.config import family_config, model_config
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.text import CausalLMSpec
from zoo.tasks.amounts import length_of, tokens_of
from zoo.tasks.padding import places
from zoo.tasks.roles import chosen_roles, kind_roles, role_faults
from zoo.tasks.scores import bits, perplexity, ratio
from zoo.tasks.task import IGNORE, NO_RECORDS, Lost, Outputs, Records, Task, lost_in
from zoo.tasks.text.chats.shapes import holds_chats
from zoo.tasks.text.chats.templates import Templated, chat_specials, give_template, written_by
from zoo.tasks.text.conversations import fitted, marked_ids, opening_of
from zoo.tasks.text.documents import Separator, document_faults, side_by_side
from zoo.tasks.text.encoding import Speller, document_frame, scheme
from zoo.tasks.text.files import save_generation, save_tokenizer
from zoo.tasks.text.router import router_factor, router_faults, router_notes
from zoo.tasks.text.tokenizer import build_tokenizer, tokenizer_fingerprint
from zoo.tasks.text.tokens import (
    attention_mask,
    padded,
    position_faults,
    special_ids,
    target_count,
    texts,
    token_loss,
    token_tally,
)
from zoo.tasks.text.vocabulary import CAUSAL

LOST = {
    "dropped": Lost("task.sequence_length", "rows with a completion, or a turn of the assistant"),
    "truncated": Lost("task.sequence_length", "a length that holds the completions"),
}


class CausalLM(Task):
    """logits (batch, length, vocabulary) against labels (batch, length), shifted already."""

    def __init__(self, recipe: Recipe, source: Source) -> None:
        """Raises ConfigError with every fault of columns, tokenizer, configuration and length."""
        assert isinstance(recipe.task, CausalLMSpec)
        self.recipe, self.spec = recipe, recipe.task
        faults = role_faults(recipe, source)
        if faults:
            raise ConfigError(faults)
        roles = chosen_roles(source, *kind_roles(recipe))
        self.packed = self.makes_rows = roles == ("text",)
        self.masked = self.spec.documents == "masked"
        chats, given = holds_chats(roles), Templated()
        # 256 bytes are enough where nothing has to end
        plain = self.packed and not self.masked and recipe.model.tokenizer == "bytes"
        specials = {} if plain else chat_specials(recipe) if chats else CAUSAL
        with collected(faults):
            family_config(recipe)
        with collected(faults):
            self.tokenizer = build_tokenizer(
                recipe,
                lambda: texts(source.train, roles),
                source.train.fingerprint,
                specials,
            )
            if chats:
                given = give_template(recipe, self.tokenizer)
            faults += given.faults
            self.config = model_config(recipe, special_ids(recipe, self.tokenizer))
            faults += position_faults(recipe, self.config, self.spec.sequence_length)
            faults += router_faults(recipe, self.config, added=True)
            between = Separator.of(self.tokenizer)
            faults += document_faults(recipe, self.config, self.packed, between)
        if faults:
            raise ConfigError(faults)
        self.router = router_factor(self.config)
        self.notes = [*router_notes(self.config), *given.notes]
        self.speller, self.between, self.ends = Speller.of(self.tokenizer), between, given.ends
        self.opening, self.chats = opening_of(self.tokenizer, chats), chats
        self.lost = {} if self.packed else LOST
        self.sends_positions = self.masked

    def rows(self, rows: Rows) -> Rows:
        """Text becomes packed blocks of sequence_length + 1 tokens, the last one shared; masked,
        several whole chats or completions stand in one row of as many.
        """
        if not self.packed:
            if not self.masked:
                return rows
            sizes = tokens_of(self.recipe, self, rows, length_of)
            return Bins(rows, sizes, self.spec.sequence_length + 1)
        return pack(
            rows,
            scheme(
                self.tokenizer,
                tokenizer_fingerprint(self.tokenizer),
                document_frame(self.tokenizer),
            ),
            self.spec.sequence_length + 1,
            1,
            cache_root(self.recipe.data),
            CorruptLimit.of(self.recipe, rows),
        )

    def amounts(self, rows: Rows) -> np.ndarray | None:
        """See Task: tokens, of rows that are no blocks of text."""
        if self.packed:
            return None
        sizes = rows.sizes if isinstance(rows, Bins) else None
        return (tokens_of(self.recipe, self, rows, length_of) if sizes is None else sizes) - 1

    def example(self, row: Row, rng: np.random.Generator, training: bool) -> Example:
        """Token ids, labels of the same length (not shifted), and the targets' UTF-8 bytes; masked
        also where each token stands in its document.
        """
        if "input_ids" in row:
            block = {"ids": row["input_ids"], "labels": row["input_ids"], "bytes": row["bytes"]}
            return self.between.parted(block) if self.masked and self.between else block
        if "documents" in row:
            return side_by_side([self._document(one) for one in row["documents"]])
        return side_by_side([self._document(row)]) if self.masked else self._document(row)

    def _document(self, row: Row) -> Example:
        """A prompt with its completion, or a chat."""
        whole, targets_of_all = marked_ids(self.speller, row)
        length = self.spec.sequence_length + 1
        ids, marks = fitted(whole, targets_of_all, length, self.opening(whole))
        if len(ids) < 2:
            raise CorruptExample("an example without two tokens")
        cut = sum(marks) < sum(targets_of_all)
        if self.spec.loss_on == "all":
            marks = [True] * len(ids)
        lost = {"dropped": not any(marks[1:]), "truncated": cut}
        targets = [token for token, mark in zip(ids[1:], marks[1:], strict=True) if mark]
        labels = [token if mark else IGNORE for token, mark in zip(ids, marks, strict=True)]
        text = self.tokenizer.decode(targets, skip_special_tokens=True)
        size = float(len(str(text).encode()))
        return {"ids": ids, "labels": labels, "bytes": size, "lost": lost}

    def collate(self, examples: list[Example], rng: np.random.Generator, training: bool) -> Batch:
        """Shifts: inputs lose their last token, labels their first."""
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        fill = next(token for token in known if token is not None)
        ids = [example["ids"][:-1] for example in examples]
        inputs = {"input_ids": padded(ids, fill)}
        filled = {}
        if self.masked:
            inputs["position_ids"] = padded([one["positions"][:-1] for one in examples], 0)
        if not self.packed:
            mask = attention_mask(ids)
            filled = {"places": places(mask)}
            if not self.masked:  # beside a mask models do not look at positions for documents
                inputs["attention_mask"] = mask
        labels = padded([example["labels"][1:] for example in examples], IGNORE)
        weight = torch.tensor([example["weight"] for example in examples], dtype=torch.float64)
        labels[weight == 0] = IGNORE
        size = torch.tensor([example["bytes"] for example in examples], dtype=torch.float64)
        return {
            "inputs": inputs,
            "labels": {"labels": labels, "bytes": size * weight},
            "count": target_count(labels),
            "lost": lost_in(examples, self.lost),
            **filled,
        }

    def on_device(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """See Task: flash attention finds documents in one row alone (transformers,
        modeling_flash_attention_utils.py: _is_packed_sequence), so all rows become one.
        """
        if not self.masked or self.recipe.model.attention != "flash_attention_2":
            return inputs
        return {name: value.reshape(1, -1) for name, value in inputs.items()}

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Cross entropy in nats, summed over the target tokens; where it is on, the router's loss
        of the micro-batch weighs as many tokens.
        """
        labels = batch["labels"]["labels"]
        own = token_loss(outputs["logits"], labels)
        if not self.router:
            return own
        return own + self.router * outputs["aux_loss"].float() * target_count(labels).float()

    def tally(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Nats, target tokens, and the bytes that they stand for."""
        return {**token_tally(outputs["logits"], batch), "bytes": batch["labels"]["bytes"].sum()}

    def score(self, totals: dict[str, Tensor], records: Records = NO_RECORDS) -> dict[str, float]:
        """Mean loss in nats a token, its exponential, and bits a UTF-8 byte of text."""
        loss = ratio(totals["loss"], totals["count"])
        return {
            "loss": loss,
            "perplexity": perplexity(loss),
            "bits_per_byte": bits(totals["loss"], totals["bytes"]),
        }

    def digests(self) -> dict[str, str]:
        """See Task."""
        return written_by(self.tokenizer, self.chats)

    def save(self, folder: Path) -> None:
        """The tokenizer's files, and how a pretrained model generates."""
        save_tokenizer(self.recipe, self.tokenizer, self.config, folder)
        save_generation(self.recipe, self.tokenizer, folder, self.ends)
