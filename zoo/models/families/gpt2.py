"""GPT-2 in pieces: the forward of GPT2Model, GPT2LMHeadModel and GPT2ForSequenceClassification."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.models.families.decoder import own_head
from zoo.models.stage import Family, Hidden, Outputs
from zoo.models.upstream import causal_mask

LAYER = "transformer.h.*"


def numbered(hidden: Tensor) -> Tensor:
    """Position ids (1, length)."""
    return torch.arange(hidden.shape[1], device=hidden.device).unsqueeze(0)


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Token and position embeddings; the mask stays (batch, length)."""
    base = model.transformer
    tokens = base.wte(inputs["input_ids"])
    positions = inputs.get("position_ids", numbered(tokens))
    return base.drop(tokens + base.wpe(positions)), inputs.get("attention_mask")


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The causal mask as attention takes it."""
    return {"attention_mask": causal_mask(model.config, hidden, mask, numbered(hidden))}


def documents(model: Any, hidden: Tensor, positions: Tensor) -> dict[str, Any]:
    """The causal mask of rows whose documents do not see each other."""
    return {"attention_mask": causal_mask(model.config, hidden, None, positions)}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits over the vocabulary, or over the classes from the last token."""
    return own_head(model, model.transformer.ln_f(hidden), mask)


FAMILY = Family(
    first=("transformer.wte", "transformer.wpe"),
    layers=LAYER,
    embed=embed,
    around=around,
    documents=documents,
    head=head,
    tensor={
        f"{LAYER}.attn.c_attn": "packed_colwise",
        f"{LAYER}.attn.c_proj": "rowwise",
        f"{LAYER}.mlp.c_fc": "colwise",
        f"{LAYER}.mlp.c_proj": "rowwise",
    },
    divided=(f"{LAYER}.attn:split_size",),
)
