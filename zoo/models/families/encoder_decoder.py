"""Encoders with decoders on tensor ranks: T5, and BART with those that have its layers."""

from zoo.models.stage import Family

NO_STAGES = "whose decoder's layers all take what the encoder's last one gives"


def plan(layer: str, attentions: tuple[str, ...], out: str, names: str) -> dict[str, str]:
    """Query, key and value by columns, what follows by rows; `names` are q, k and v's in a row."""
    found: dict[str, str] = {}
    for attention in attentions:
        found |= {f"{layer}.{attention}.{name}": "colwise" for name in names.split()}
        found[f"{layer}.{attention}.{out}"] = "rowwise"
    return found


def t5(stack: str) -> dict[str, str]:
    """The plan of T5's stacks; the bias of relative positions, one a head, is cut as heads are."""
    layer = f"{stack}.block.*.layer.*"
    inner = f"{layer}.DenseReluDense"
    return {
        **plan(layer, ("SelfAttention", "EncDecAttention"), "o", "q k v"),
        f"{layer}.SelfAttention.relative_attention_bias.weight": "rowwise",
        **{f"{inner}.{name}": "colwise" for name in ("wi", "wi_0", "wi_1")},
        f"{inner}.wo": "rowwise",
    }


BART_LAYER = "model.*.layers.*"
T5_STACKS = ("*", "*.*")  # models of classes hold their encoder one deeper

T5 = Family(
    first=("shared",),
    layers="*.block.*",
    no_stages=NO_STAGES,
    tensor={name: style for stack in T5_STACKS for name, style in t5(stack).items()},
    divided=tuple(
        f"{stack}.block.*.layer.*.{attention}:n_heads"
        for stack in T5_STACKS
        for attention in ("SelfAttention", "EncDecAttention")
    ),
)
BART = Family(
    first=("model.shared",),
    layers=BART_LAYER,
    no_stages=NO_STAGES,
    tensor={
        **plan(BART_LAYER, ("self_attn", "encoder_attn"), "out_proj", "q_proj k_proj v_proj"),
        f"{BART_LAYER}.fc1": "colwise",
        f"{BART_LAYER}.fc2": "rowwise",
    },
    divided=(f"{BART_LAYER}.self_attn:num_heads", f"{BART_LAYER}.encoder_attn:num_heads"),
)
