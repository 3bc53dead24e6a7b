"""Small models of every family that tensor ranks can share, with values that leave nothing zero."""

import zlib
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.models.build import on_meta
from zoo.models.names import plain

WIDTH = {"hidden_size": 64, "num_attention_heads": 8, "num_hidden_layers": 2}
TEXT = WIDTH | {"vocab_size": 31, "intermediate_size": 96, "max_position_embeddings": 32}
GROUPED = TEXT | {"num_key_value_heads": 4, "pad_token_id": 0, "tie_word_embeddings": False}
ENCODER = WIDTH | {"intermediate_size": 96, "num_mel_bins": 16, "subsampling_factor": 4}
ENCODER |= {"subsampling_conv_channels": 8, "conv_kernel_size": 3}
TEXTS = TEXT | {"num_labels": 5, "pad_token_id": 0}
DISTILLED = {"dim": 64, "n_heads": 8, "n_layers": 2, "hidden_dim": 96, "vocab_size": 31}
RELATIVE = TEXT | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "pad_token_id": 0}
RELATIVE |= {"position_buckets": 4, "norm_rel_ebd": "layer_norm", "position_biased_input": False}
WAVES: dict[str, Any] = WIDTH | {"vocab_size": 11, "intermediate_size": 96, "layerdrop": 0.0}
WAVES |= {"conv_dim": (16, 16), "conv_kernel": (8, 4), "conv_stride": (4, 4)}
WAVES |= {"num_feat_extract_layers": 2, "num_conv_pos_embedding_groups": 4, "mask_time_prob": 0.0}
WAVES |= {"num_conv_pos_embeddings": 8, "apply_spec_augment": False}
STABLE = WAVES | {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
PATCHES = WIDTH | {"image_size": 8, "patch_size": 4, "intermediate_size": 96, "num_labels": 5}
RELATED = {"d_model": 64, "d_kv": 8, "num_heads": 8, "num_layers": 2, "d_ff": 96, "vocab_size": 31}
GATED = RELATED | {"feed_forward_proj": "gated-gelu", "decoder_start_token_id": 0}
SIDES: dict[str, Any] = {
    f"{side}_{key}": value
    for side in ("encoder", "decoder")
    for key, value in {"layers": 2, "attention_heads": 8, "ffn_dim": 96}.items()
} | {"d_model": 64, "vocab_size": 31}
IDS = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "decoder_start_token_id": 2}
PAIRED = SIDES | IDS | {"max_position_embeddings": 32, "forced_eos_token_id": 1}
HEARD = SIDES | IDS | {"num_mel_bins": 8, "max_source_positions": 12, "max_target_positions": 16}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("MaskedLM", "bert", TEXT),
    "roberta": ("MaskedLM", "roberta", TEXT | {"pad_token_id": 1}),
    "electra": ("MaskedLM", "electra", TEXT | {"embedding_size": 16}),
    "distilbert": ("MaskedLM", "distilbert", DISTILLED),
    "deberta-v2": ("MaskedLM", "deberta-v2", RELATIVE),
    "gpt2": ("CausalLM", "gpt2", {"n_embd": 64, "n_head": 8, "n_layer": 2, "vocab_size": 31}),
    "llama": ("CausalLM", "llama", GROUPED),
    "qwen3": ("CausalLM", "qwen3", GROUPED | {"head_dim": 16}),
    "phi3": ("CausalLM", "phi3", GROUPED),
    "mistral": ("CausalLM", "mistral", GROUPED | {"sliding_window": 4}),
    "qwen2": ("CausalLM", "qwen2", GROUPED),
    "gemma2": ("CausalLM", "gemma2", GROUPED | {"head_dim": 16, "sliding_window": 4}),
    "vit": ("ImageClassification", "vit", PATCHES),
    "deit": ("ImageClassification", "deit", PATCHES),
    "dinov2": ("ImageClassification", "dinov2", PATCHES),
    "beit": ("ImageClassification", "beit", PATCHES),
    "parakeet": ("CTC", "parakeet_ctc", {"vocab_size": 11, "encoder_config": ENCODER}),
    "wav2vec2-conformer": (
        "CTC",
        "wav2vec2-conformer",
        WAVES | {"conv_depthwise_kernel_size": 3, "position_embeddings_type": "relative"},
    ),
    "t5": ("Seq2SeqLM", "t5", RELATED | {"decoder_start_token_id": 0}),
    "mt5": ("Seq2SeqLM", "mt5", GATED),
    "bart": ("Seq2SeqLM", "bart", PAIRED),
    "mbart": ("Seq2SeqLM", "mbart", PAIRED),
    "pegasus": ("Seq2SeqLM", "pegasus", PAIRED),
    "whisper": ("SpeechSeq2Seq", "whisper", HEARD | {"begin_suppress_tokens": None}),
    "wav2vec2": ("CTC", "wav2vec2", WAVES),
    "hubert": ("CTC", "hubert", STABLE),
}
HEADS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert over texts": ("SequenceClassification", "bert", TEXTS),
    "bert over tokens": ("TokenClassification", "bert", TEXTS),
    "roberta over texts": ("SequenceClassification", "roberta", TEXTS),
    "xlm-roberta": ("MaskedLM", "xlm-roberta", TEXT | {"pad_token_id": 1}),
    "camembert": ("MaskedLM", "camembert", TEXT | {"pad_token_id": 1}),
    "electra over texts": ("SequenceClassification", "electra", TEXTS | {"embedding_size": 16}),
    "distilbert over texts": (
        "SequenceClassification",
        "distilbert",
        DISTILLED | {"num_labels": 5, "seq_classif_dropout": 0.0},
    ),
    "gpt2 over texts": (
        "SequenceClassification",
        "gpt2",
        {"n_embd": 64, "n_head": 8, "n_layer": 2, "vocab_size": 31, "pad_token_id": 0},
    ),
    "dinov2 of gates": ("ImageClassification", "dinov2", PATCHES | {"use_swiglu_ffn": True}),
    "llama over texts": ("SequenceClassification", "llama", GROUPED),
    "wav2vec2 of stable norms": ("CTC", "wav2vec2", STABLE),
    "wav2vec2 with an adapter": ("CTC", "wav2vec2", WAVES | {"add_adapter": True}),
    "hubert of late norms": ("CTC", "hubert", WAVES),
}
"""Other heads, clones and settings of the same families: for stages; their slices are the same."""

PAIRS = ("t5", "mt5", "bart", "mbart", "pegasus", "whisper")
"""Encoders with decoders."""
UNSTAGED = ("deberta-v2", *PAIRS)
"""Those whose families refuse stages."""


def meta(kind: str, dropout: dict[str, float] | None = None, **changes: Any) -> PreTrainedModel:
    """A model on meta; `dropout` names the probabilities that are not 0."""
    task, model_type, values = (KINDS | HEADS)[kind]
    config = transformers.AutoConfig.for_model(model_type, **{**values, **changes})
    for one in (config, getattr(config, "encoder_config", config)):
        for key in vars(one):
            if "drop" in key and isinstance(getattr(one, key), float):
                setattr(one, key, 0.0)
        for key in ("attn_pdrop", "embd_pdrop", "resid_pdrop", "feat_proj_dropout"):
            if hasattr(one, key):
                setattr(one, key, 0.0)
        for key, value in (dropout or {}).items():
            assert hasattr(one, key) or one is config, key
            setattr(one, key, value)
    return on_meta(getattr(transformers, f"AutoModelFor{task}"), config, "sdpa")


def inputs(kind: str) -> dict[str, Tensor]:
    """Two examples, the second one padded where the family knows padding."""
    draw = torch.Generator().manual_seed(1)
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[1, 6:] = 0
    if (KINDS | HEADS)[kind][0] == "ImageClassification":
        return {"pixel_values": torch.randn(2, 3, 8, 8, generator=draw)}
    if kind == "parakeet":
        sound = torch.randn(2, 36, 16, generator=draw)
        return {"input_features": sound, "attention_mask": mask.repeat_interleave(4, 1).bool()}
    if (KINDS | HEADS)[kind][0] == "CTC":
        sound = torch.randn(2, 180, generator=draw)
        return {"input_values": sound, "attention_mask": mask.repeat_interleave(20, 1)}
    if kind == "whisper":
        sound = torch.randn(2, 8, 24, generator=draw)
        read = torch.randint(3, 31, (2, 9), generator=draw)
        return {"input_features": sound, "decoder_input_ids": read}
    tokens = torch.randint(2, 31, (2, 9), generator=draw)
    tokens = torch.where(mask == 1, tokens, (KINDS | HEADS)[kind][2].get("pad_token_id", 0))
    given = {"input_ids": tokens, "attention_mask": mask}
    return given | ({"decoder_input_ids": tokens.flip(1)} if kind in PAIRS else {})


class Drawn:
    """Weights by name, biases and norms away from their usual 0 and 1."""

    def __init__(self, model: nn.Module) -> None:
        self.shapes = {plain(name): tuple(p.shape) for name, p in model.named_parameters()}

    def names(self) -> frozenset[str]:
        return frozenset(self.shapes)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.shapes[name]

    def tensor(self, name: str) -> Tensor:
        draw = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        shape = self.shapes[name]
        centre = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
        spread = 0.15 if len(shape) > 1 else 0.3
        return centre + spread * torch.randn(shape, generator=draw)
