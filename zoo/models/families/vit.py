"""ViT and the encoders of patches that are built like it, in pieces."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig

from zoo.models.families.heads import encoder_head
from zoo.models.stage import Family, Hidden, Outputs


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Patches, class token and positions; images have no mask."""
    return model.base_model.embeddings(inputs["pixel_values"]), None


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """Nothing is masked."""
    return {"attention_mask": None}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """The last norm, and the model's own head over it."""
    return encoder_head(model, model.base_model.layernorm(hidden))


def family(prefix: str, layers: str = "layers") -> Family:
    """The family whose base model stands under this name."""
    layer = f"{prefix}.{layers}.*"
    return Family(
        first=(f"{prefix}.embeddings",),
        layers=layer,
        embed=embed,
        around=around,
        head=head,
        tensor={
            f"{layer}.attention.q_proj": "colwise",
            f"{layer}.attention.k_proj": "colwise",
            f"{layer}.attention.v_proj": "colwise",
            f"{layer}.attention.o_proj": "rowwise",
            f"{layer}.mlp.fc1": "colwise",
            f"{layer}.mlp.fc2": "rowwise",
            f"{layer}.mlp.gate_proj": "colwise",
            f"{layer}.mlp.up_proj": "colwise",
            f"{layer}.mlp.down_proj": "rowwise",
        },
    )


def beit(config: PreTrainedConfig) -> Family:
    """BEiT; with positions that are biases of attention it trains whole."""
    if config.use_relative_position_bias or config.use_shared_relative_position_bias:
        return Family(
            first=("beit.embeddings",),
            layers="beit.layers.*",
            no_stages="whose layers make biases of positions from the size of the image",
            no_tensor="whose attention adds biases of positions that each head has of its own",
        )
    return family("beit")


FAMILY = family("vit")
DEIT = family("deit")
DINOV2 = family("dinov2", "encoder.layer")
