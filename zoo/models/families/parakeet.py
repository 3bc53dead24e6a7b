"""Parakeet's Conformer in pieces: the forward of ParakeetEncoder and ParakeetForCTC."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn.functional import dropout

from zoo.models.stage import Family, Hidden, Outputs
from zoo.models.upstream import parakeet_frame_mask

LAYER = "encoder.layers.*"


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Subsampled frames and their mask (batch, frames), bool."""
    encoder, mask = model.encoder, inputs.get("attention_mask")
    hidden = encoder.subsampling(inputs["input_features"], mask) * encoder.input_scale
    encoder.encode_positions(hidden)  # as upstream: what follows it draws from its place
    hidden = dropout(hidden, p=encoder.dropout, training=encoder.training)
    if mask is not None:
        mask = parakeet_frame_mask(encoder, mask, hidden.shape[1])
    return hidden, mask


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """Relative positions, and which frame sees which (batch, 1, frames, frames)."""
    encoder = model.encoder
    positions = encoder.encode_positions(hidden)
    dropout(hidden, p=encoder.dropout, training=encoder.training)  # upstream draws this one first
    positions = dropout(positions, p=encoder.dropout_positions, training=encoder.training)
    if mask is not None:
        mask = (mask[:, None, :] & mask[:, :, None]).unsqueeze(1)
    return {"attention_mask": mask, "position_embeddings": positions}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits (batch, frames, vocabulary)."""
    found = model.ctc_head(hidden)
    return {"logits": found}


def layerdrop(model: Any) -> float:
    """The encoder's."""
    return float(model.encoder.layerdrop)


FAMILY = Family(
    first=("encoder.subsampling",),
    layers=LAYER,
    embed=embed,
    around=around,
    head=head,
    shared=("encoder.encode_positions",),
    layerdrop=layerdrop,
    tensor={
        f"{LAYER}.self_attn.q_proj": "colwise",
        f"{LAYER}.self_attn.k_proj": "colwise",
        f"{LAYER}.self_attn.v_proj": "colwise",
        f"{LAYER}.self_attn.relative_k_proj": "colwise",
        f"{LAYER}.self_attn.bias_u": "colwise",
        f"{LAYER}.self_attn.bias_v": "colwise",
        f"{LAYER}.self_attn.o_proj": "rowwise",
        f"{LAYER}.feed_forward1.linear1": "colwise",
        f"{LAYER}.feed_forward1.linear2": "rowwise",
        f"{LAYER}.feed_forward2.linear1": "colwise",
        f"{LAYER}.feed_forward2.linear2": "rowwise",
    },
    divided=(f"{LAYER}.self_attn:config.num_attention_heads",),
)
