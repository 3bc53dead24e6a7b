"""Sources and targets of a model that rewrites: framed, cut, shifted, and read back."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from zoo.data.rows import Example
from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault
from zoo.tasks.task import IGNORE
from zoo.tasks.text.encoding import encoder, frame_of
from zoo.tasks.text.tokens import padded, target_count, tokenizer_key, weights

START = "decoder_start_token_id"
OF_LANGUAGES = frozenset({"marian", "mbart", "m2m_100", "nllb-moe", "plbart"})
"""Families whose own tokenizers need be told two languages, or hold two vocabularies."""


class Framer:
    """Texts to ids between the tokenizer's special tokens, an end of text always behind them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, length: int) -> None:
        self.encode = encoder(tokenizer)
        self.before, self.after = frame_of(tokenizer)
        if self.after[-1:] != [tokenizer.eos_token_id]:
            self.after = [*self.after, int(tokenizer.eos_token_id)]
        self.room = length - len(self.before) - len(self.after)

    def __call__(self, text: str) -> tuple[list[int], bool]:
        """The ids, at most `length`, and whether the text lost its end for that."""
        ids = self.encode(text)
        return [*self.before, *ids[: self.room], *self.after], len(ids) > self.room


def shifted(labels: Tensor, start: int, pad: int) -> Tensor:
    """What the decoder reads to predict `labels` (batch, length): `start`, then all but the last
    label; where labels are IGNORE it reads `pad`.
    """
    first = torch.full_like(labels[:, :1], start)
    read = torch.cat([first, labels[:, :-1]], dim=1)
    return read.masked_fill(read == IGNORE, pad)


def taught(
    examples: list[Example], start: int, pad: int
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Of examples with "labels" (ids, none where there is no target), "text" and "weight": what the
    decoder reads and the "labels" (batch, longest), the texts as bytes, and the count of targets.
    """
    labels = padded([example["labels"] or [IGNORE] for example in examples], IGNORE)
    weight = torch.tensor(weights(examples), dtype=torch.float64)
    read = shifted(labels, start, pad)
    labels[weight == 0] = IGNORE
    text = as_bytes([example["text"] for example in examples])
    return read, {"labels": labels, "text": text, "weight": weight}, target_count(labels)


def decoder_ids(recipe: Recipe, own: PreTrainedConfig, tokenizer: Any) -> dict[str, Any]:
    """The ids that a new model's decoder starts and is made to end with, by the recipe's tokenizer.

    They are what they are by default in `own`, the family's plain configuration: T5 and Pegasus
    start with the padding, BART with the end of text. A name that comes with its own tokenizer
    keeps its ids.
    """
    if tokenizer_key(recipe) == "model.name":
        return {}
    with_end = getattr(own, START, None) == own.eos_token_id
    found = {START: tokenizer.eos_token_id if with_end else tokenizer.pad_token_id}
    if getattr(own, "forced_eos_token_id", None) is not None:
        found["forced_eos_token_id"] = tokenizer.eos_token_id
    return found


def sequence_faults(recipe: Recipe, tokenizer: Any) -> list[Fault]:
    """A tokenizer must pad and end."""
    key = tokenizer_key(recipe)
    lacking = [name for name in ("pad", "eos") if getattr(tokenizer, f"{name}_token_id") is None]
    return [
        fault(recipe, key, f"a tokenizer without {name} token", "one that has one")
        for name in lacking
    ]


def start_faults(recipe: Recipe, config: PreTrainedConfig) -> list[Fault]:
    """It must be known what the decoder starts with, and targets must be spelled as sources are."""
    if tokenizer_key(recipe) == "model.name" and config.model_type in OF_LANGUAGES:
        allowed = "a name whose tokenizer spells both alike, or a model.tokenizer that does"
        found = f"{config.model_type}, whose tokenizer spells sources and targets by languages"
        return [fault(recipe, "model.name", found, allowed)]
    if getattr(config, START, None) is not None:
        return []
    allowed = "a model whose configuration says with which token its decoder starts"
    return [fault(recipe, f"model.config.{START}", "nothing", allowed)]


def read_back(tokenizer: PreTrainedTokenizerBase, sequences: Tensor) -> list[str]:
    """Texts of generated ids (batch, length), without special tokens and outer spaces."""
    found: list[str] = tokenizer.batch_decode(sequences.tolist(), skip_special_tokens=True)
    return [text.strip() for text in found]


def as_bytes(texts: Sequence[str]) -> Tensor:
    """Texts as UTF-8 bytes, uint8 (batch, longest), 0 behind the end."""
    return padded([list(text.encode()) for text in texts], 0).byte()


def from_bytes(lines: Tensor) -> list[str]:
    """Texts of UTF-8 bytes (batch, longest), 0 behind the end."""
    return [bytes(line[line > 0].tolist()).decode() for line in lines.cpu()]
