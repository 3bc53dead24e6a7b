"""DeBERTa-v2 and v3 on tensor ranks: each holds some of the heads of disentangled attention."""

from zoo.models.split import WHOLE
from zoo.models.stage import Family

LAYER = "deberta.encoder.layer.*"
ATTENTION = f"{LAYER}.attention.self"

FAMILY = Family(
    first=("deberta.embeddings",),
    layers=LAYER,
    no_stages="whose layers all take, and train, the encoder's embeddings of relative positions",
    tensor={
        f"{ATTENTION}.query_proj": "colwise",
        f"{ATTENTION}.key_proj": "colwise",
        f"{ATTENTION}.value_proj": "colwise",
        f"{ATTENTION}.pos_key_proj": "colwise",
        f"{ATTENTION}.pos_query_proj": "colwise",
        f"{ATTENTION}.pos_dropout": WHOLE,  # its masks are of what all heads share
        f"{LAYER}.attention.output.dense": "rowwise",
        f"{LAYER}.intermediate.dense": "colwise",
        f"{LAYER}.output.dense": "rowwise",
    },
    divided=(f"{ATTENTION}:num_attention_heads",),
)
