"""What the text tasks share: training texts, special ids, positions, padding, sums."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from zoo.data.rows import Batch, CorruptExample, Rows
from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault
from zoo.tasks.task import IGNORE
from zoo.tasks.text.chats.shapes import chat_of, holds_chats
from zoo.tasks.text.encoding import vocabulary_size

SEGMENTS = "token_type_ids"
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "roberta-prelayernorm"}


def texts(rows: Rows, roles: Sequence[str]) -> Iterator[str]:
    """Every text under `roles`, chats message by message; what cannot be read is left out.

    Long texts come in pieces, and nothing is decoded for the text that stands beside it.
    """
    chats = holds_chats(roles)
    for index in range(len(rows)):
        try:
            chat = chat_of(rows[index]) if chats else None
            if chat is not None:
                yield from (turn["content"] for turn in chat[0] if "content" in turn)
                continue
            for role in roles:
                yield from rows.pieces(index, role)
        except CorruptExample:
            continue


def special_ids(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> dict[str, tuple[Any, str]]:
    """The vocabulary's size and special ids as a configuration writes them.

    A name that comes with its own tokenizer keeps its ids (some have several ends); only the
    padding, which classification heads look for, is the tokenizer's.
    """
    ruler = tokenizer_key(recipe)
    ids = {name: getattr(tokenizer, name) for name in _IDS}
    if ruler == "model.name":
        ids = {name: i for name, i in ids.items() if name == "pad_token_id" and i is not None}
    return {
        key: (value, ruler)
        for key, value in {"vocab_size": vocabulary_size(tokenizer), **ids}.items()
    }


def has_segments(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig) -> bool:
    """Whether a model takes which of two texts a token is of, and its tokenizer says so."""
    several = getattr(config, "type_vocab_size", 0) > 1  # GPT-2 would add the tokens 0 and 1
    return several and SEGMENTS in tokenizer.model_input_names


def pad_faults(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> list[Fault]:
    """Pads with `model.config.pad_token_id` where a tokenizer has no pad token, as GPT-2's; a fault
    where that is not there or names no token.
    """
    if tokenizer.pad_token_id is not None:
        return []
    key, chosen = "model.config.pad_token_id", recipe.model.config.get("pad_token_id")
    if isinstance(chosen, int) and 0 <= chosen < len(tokenizer):
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(chosen)
        return []
    if chosen is not None:
        return [fault(recipe, key, str(chosen), f"the id of a token: 0 to {len(tokenizer) - 1}")]
    allowed = f"one that has one, or {key}: the id of a token that pads, such as the end's"
    end = tokenizer.eos_token_id
    found, nearest = "a tokenizer without pad token", "" if end is None else f"{key}={end}"
    return [fault(recipe, tokenizer_key(recipe), found, allowed, nearest)]


def tokenizer_key(recipe: Recipe) -> str:
    """The recipe key that says which tokenizer it is."""
    return "model.name" if recipe.model.tokenizer is None else "model.tokenizer"


def position_faults(
    recipe: Recipe, config: PreTrainedConfig, length: int, key: str = "task.sequence_length"
) -> list[Fault]:
    """A fault of `key` when `length` tokens do not fit the model's positions."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return []
    if config.model_type in _AFTER_PADDING:  # RoBERTa counts positions from the padding id on
        positions -= (config.pad_token_id or 0) + 1
    if length <= positions:
        return []
    allowed = f"at most {positions}, the positions of the model (max_position_embeddings)"
    return [fault(recipe, key, str(length), allowed)]


def padded(sequences: Sequence[Sequence[int] | np.ndarray], value: int) -> Tensor:
    """Sequences of ids on the left of an int64 (batch, longest), `value` to their right."""
    longest = max(len(sequence) for sequence in sequences)
    result = np.full((len(sequences), longest), value, dtype=np.int64)
    for line, sequence in zip(result, sequences, strict=True):
        line[: len(sequence)] = sequence
    return torch.from_numpy(result)


def attention_mask(sequences: Sequence[Sequence[int] | np.ndarray]) -> Tensor:
    """1 where a padded sequence has a token, int64 (batch, longest)."""
    return (padded([range(1, len(s) + 1) for s in sequences], 0) > 0).long()


def token_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """The sum of the cross entropy in nats over the labels that are not IGNORE, float32.

    logits (batch, length, vocabulary), labels (batch, length); `smoothing` is the share of each
    target that is spread over all tokens.
    """
    flat, targets = logits.float().flatten(0, 1), labels.flatten()
    return F.cross_entropy(
        flat, targets, ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing
    )


def target_count(labels: Tensor) -> Tensor:
    """How many labels are targets, 0-d float64."""
    return (labels != IGNORE).sum().double()


def weights(examples: list[dict[str, Any]]) -> list[float]:
    """The weight of every example: 0 for padding and for stand-ins of corrupt ones."""
    return [example["weight"] for example in examples]


def token_tally(logits: Tensor, batch: Batch) -> dict[str, Tensor]:
    """ "loss" and "count" of a batch whose labels are token ids."""
    labels = batch["labels"]["labels"]
    loss = token_loss(logits.detach(), labels).double()
    return {"loss": loss, "count": target_count(labels)}
