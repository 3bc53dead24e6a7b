"""wav2vec 2.0 and HuBERT in pieces: Wav2Vec2Model, HubertModel, their encoders and heads; and why
WavLM, which shares their modules, trains whole.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from zoo.models.families.heads import encoder_head
from zoo.models.stage import Family, Hidden, Outputs
from zoo.models.upstream import bidirectional_mask, spec_augmented, wav2vec2_frame_mask


def projected(base: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Projected features, masked by SpecAugment, padding zeroed; their mask (batch, frames)."""
    mask = inputs.get("attention_mask")
    features = base.feature_extractor(inputs["input_values"]).transpose(1, 2)
    if mask is not None:
        mask = wav2vec2_frame_mask(base, mask, features.shape[1])
    hidden = base.feature_projection(features)
    hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    hidden = spec_augmented(base, hidden, mask)
    if mask is not None:
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), 0.0)
    return hidden, mask


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Features and convolved positions, normalised here where layers do so after themselves."""
    encoder = model.base_model.encoder
    hidden, mask = projected(model.base_model, inputs)
    hidden = hidden + encoder.pos_conv_embed(hidden)
    if not model.config.do_stable_layer_norm:
        hidden = encoder.layer_norm(hidden)
    return encoder.dropout(hidden), mask


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The mask as attention takes it."""
    return {"attention_mask": bidirectional_mask(model.config, hidden, mask)}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits (batch, frames, vocabulary)."""
    base = model.base_model
    if model.config.do_stable_layer_norm:
        hidden = base.encoder.layer_norm(hidden)
    if getattr(base, "adapter", None) is not None:
        hidden = base.adapter(hidden)
    return encoder_head(model, hidden)


def layerdrop(model: PreTrainedModel) -> float:
    """The configuration's."""
    return float(model.config.layerdrop)


def family(config: PreTrainedConfig) -> Family:
    """The family of a configuration; where the encoder's norm belongs, it says."""
    base = config.model_type
    encoder, layer = f"{base}.encoder", f"{base}.encoder.layers.*"
    norm = () if config.do_stable_layer_norm else (f"{encoder}.layer_norm",)
    return Family(
        first=(
            f"{base}.feature_extractor",
            f"{base}.feature_projection",
            f"{base}.masked_spec_embed",
            f"{encoder}.pos_conv_embed",
            *norm,
        ),
        layers=layer,
        embed=embed,
        around=around,
        head=head,
        layerdrop=layerdrop,
        tensor={
            f"{layer}.attention.q_proj": "colwise",
            f"{layer}.attention.k_proj": "colwise",
            f"{layer}.attention.v_proj": "colwise",
            f"{layer}.attention.out_proj": "rowwise",
            f"{layer}.feed_forward.intermediate_dense": "colwise",
            f"{layer}.feed_forward.output_dense": "rowwise",
        },
    )


WAVLM = Family(
    first=("wavlm.feature_extractor", "wavlm.feature_projection"),
    layers="wavlm.encoder.layers.*",
    layerdrop=layerdrop,
    no_stages="whose first layer makes, and trains, the position bias that all others take",
    no_tensor="whose attention hands its matrices to one function of torch, all at once",
)
