"""BERT and the encoders that share its modules, in pieces: the forward of BertModel and heads."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.families.heads import encoder_head
from zoo.models.stage import Family, Hidden
from zoo.models.upstream import bert_mask


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Token, type and position embeddings; the mask stays (batch, length).

    RoBERTa counts positions from the tokens that are no padding, ELECTRA projects to its width.
    """
    base = model.base_model
    hidden = base.embeddings(
        input_ids=inputs["input_ids"], token_type_ids=inputs.get("token_type_ids")
    )
    if hasattr(base, "embeddings_project"):
        hidden = base.embeddings_project(hidden)
    return hidden, inputs.get("attention_mask")


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The mask as attention takes it, causal where the configuration says `is_decoder`."""
    return {"attention_mask": bert_mask(model.base_model, hidden, mask)}


def family(prefix: str) -> Family:
    """The family whose base model stands under this name."""
    layer = f"{prefix}.encoder.layer.*"
    return Family(
        first=(f"{prefix}.embeddings", f"{prefix}.embeddings_project"),
        layers=layer,
        embed=embed,
        around=around,
        head=encoder_head,
        tensor={
            f"{layer}.attention.self.query": "colwise",
            f"{layer}.attention.self.key": "colwise",
            f"{layer}.attention.self.value": "colwise",
            f"{layer}.attention.output.dense": "rowwise",
            f"{layer}.intermediate.dense": "colwise",
            f"{layer}.output.dense": "rowwise",
        },
    )


FAMILY = family("bert")
ROBERTA = family("roberta")
ELECTRA = family("electra")
