"""ViT in pieces: the forward of ViTModel and ViTForImageClassification."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.stage import Family, Hidden, Outputs

LAYER = "vit.layers.*"


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Patches, class token and positions; images have no mask."""
    return model.vit.embeddings(inputs["pixel_values"]), None


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """Nothing is masked."""
    return {"attention_mask": None}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits over the classes, from the class token."""
    found = model.classifier(model.vit.layernorm(hidden)[:, 0, :])
    return {"logits": found}


FAMILY = Family(
    first=("vit.embeddings",),
    layers=LAYER,
    embed=embed,
    around=around,
    head=head,
    tensor={
        f"{LAYER}.attention.q_proj": "colwise",
        f"{LAYER}.attention.k_proj": "colwise",
        f"{LAYER}.attention.v_proj": "colwise",
        f"{LAYER}.attention.o_proj": "rowwise",
        f"{LAYER}.mlp.fc1": "colwise",
        f"{LAYER}.mlp.fc2": "rowwise",
    },
)
