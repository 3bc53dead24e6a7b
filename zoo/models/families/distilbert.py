"""DistilBERT in pieces: the forward of DistilBertModel and its heads."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.families.heads import encoder_head
from zoo.models.stage import Family, Hidden
from zoo.models.upstream import bidirectional_mask

LAYER = "distilbert.transformer.layer.*"


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Token and position embeddings; the mask stays (batch, length)."""
    return model.distilbert.embeddings(inputs["input_ids"]), inputs.get("attention_mask")


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The mask as attention takes it."""
    return {"attention_mask": bidirectional_mask(model.config, hidden, mask)}


FAMILY = Family(
    first=("distilbert.embeddings",),
    layers=LAYER,
    embed=embed,
    around=around,
    head=encoder_head,
    tensor={
        f"{LAYER}.attention.q_lin": "colwise",
        f"{LAYER}.attention.k_lin": "colwise",
        f"{LAYER}.attention.v_lin": "colwise",
        f"{LAYER}.attention.out_lin": "rowwise",
        f"{LAYER}.ffn.lin1": "colwise",
        f"{LAYER}.ffn.lin2": "rowwise",
    },
)
