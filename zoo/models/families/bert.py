"""BERT in pieces: the forward of BertModel and of its heads over tokens and over texts."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.stage import Family, Hidden, Outputs
from zoo.models.upstream import bert_mask

LAYER = "bert.encoder.layer.*"


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """Token, type and position embeddings; the mask stays (batch, length)."""
    found = model.bert.embeddings(
        input_ids=inputs["input_ids"], token_type_ids=inputs.get("token_type_ids")
    )
    return found, inputs.get("attention_mask")


def around(model: Any, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The mask as attention takes it, causal where the configuration says `is_decoder`."""
    return {"attention_mask": bert_mask(model.bert, hidden, mask)}


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits over the vocabulary, or over the classes from the first token."""
    if hasattr(model, "cls"):
        found = model.cls(hidden)
    else:
        found = model.classifier(model.dropout(model.bert.pooler(hidden)))
    return {"logits": found}


FAMILY = Family(
    first=("bert.embeddings",),
    layers=LAYER,
    embed=embed,
    around=around,
    head=head,
    tensor={
        f"{LAYER}.attention.self.query": "colwise",
        f"{LAYER}.attention.self.key": "colwise",
        f"{LAYER}.attention.self.value": "colwise",
        f"{LAYER}.attention.output.dense": "rowwise",
        f"{LAYER}.intermediate.dense": "colwise",
        f"{LAYER}.output.dense": "rowwise",
    },
)
