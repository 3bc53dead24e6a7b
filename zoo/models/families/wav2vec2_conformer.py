"""Wav2Vec2-Conformer in pieces: Wav2Vec2ConformerModel, its encoder, Wav2Vec2ConformerForCTC."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.families.heads import encoder_head
from zoo.models.families.wav2vec2 import layerdrop, projected
from zoo.models.stage import Family, Hidden, Outputs
from zoo.models.upstream import bidirectional_mask

BASE = "wav2vec2_conformer"
LAYER = f"{BASE}.encoder.layers.*"


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Projected features; positions are the layers' own."""
    hidden, mask = projected(model.wav2vec2_conformer, inputs)
    return model.wav2vec2_conformer.encoder.dropout(hidden), mask


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """Relative positions, and the mask as attention takes it."""
    encoder = model.wav2vec2_conformer.encoder
    made = bidirectional_mask(encoder.config, hidden, mask)
    positions = None if encoder.embed_positions is None else encoder.embed_positions(hidden)
    return {"attention_mask": made, "relative_position_embeddings": positions}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits (batch, frames, vocabulary)."""
    base = model.wav2vec2_conformer
    hidden = base.encoder.layer_norm(hidden)
    if base.adapter is not None:
        hidden = base.adapter(hidden)
    return encoder_head(model, hidden)


# `self_attn.num_heads` stays whole: only rotary positions read it, before the projections.
FAMILY = Family(
    first=(
        f"{BASE}.feature_extractor",
        f"{BASE}.feature_projection",
        f"{BASE}.masked_spec_embed",
        f"{BASE}.encoder.pos_conv_embed",  # never used by the forward
    ),
    layers=LAYER,
    embed=embed,
    around=around,
    head=head,
    shared=(f"{BASE}.encoder.embed_positions",),
    layerdrop=layerdrop,
    tensor={
        f"{LAYER}.self_attn.linear_q": "colwise",
        f"{LAYER}.self_attn.linear_k": "colwise",
        f"{LAYER}.self_attn.linear_v": "colwise",
        f"{LAYER}.self_attn.linear_pos": "colwise",
        f"{LAYER}.self_attn.pos_bias_u": "colwise",
        f"{LAYER}.self_attn.pos_bias_v": "colwise",
        f"{LAYER}.self_attn.linear_out": "rowwise",
        f"{LAYER}.ffn1.intermediate_dense": "colwise",
        f"{LAYER}.ffn1.output_dense": "rowwise",
        f"{LAYER}.ffn2.intermediate_dense": "colwise",
        f"{LAYER}.ffn2.output_dense": "rowwise",
    },
)
