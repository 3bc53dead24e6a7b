"""Wav2Vec2-Conformer in pieces: Wav2Vec2ConformerModel, its encoder, Wav2Vec2ConformerForCTC."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.stage import Family, Hidden, Outputs
from zoo.models.upstream import bidirectional_mask, spec_augmented, wav2vec2_frame_mask

BASE = "wav2vec2_conformer"
LAYER = f"{BASE}.encoder.layers.*"


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Projected features, masked by SpecAugment, padding zeroed; their mask (batch, frames)."""
    base, mask = model.wav2vec2_conformer, inputs.get("attention_mask")
    features = base.feature_extractor(inputs["input_values"]).transpose(1, 2)
    if mask is not None:
        mask = wav2vec2_frame_mask(base, mask, features.shape[1])
    hidden, _ = base.feature_projection(features)
    hidden = spec_augmented(base, hidden, mask)
    if mask is not None:
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), 0.0)
    return base.encoder.dropout(hidden), mask


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
    found = model.lm_head(model.dropout(hidden))
    return {"logits": found}


def layerdrop(model: Any) -> float:
    """The configuration's."""
    return float(model.config.layerdrop)


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
