"""Small models of the families of text and speech, each with the kind of task that trains it."""

from pathlib import Path
from typing import Any

import transformers
from transformers import AutoConfig, Wav2Vec2FeatureExtractor

from tests.runs import LIGHT, SHORT
from zoo.data.builtin.keywords import KEYWORDS
from zoo.recipe.vocabulary.kinds import KINDS
from zoo.tasks.text.vocabulary import CTC, ENCODER, byte_tokenizer

BERT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 300,  # RoBERTa counts from the padding, byte 256
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
DISTILBERT: dict[str, Any] = {
    **{"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 256},
    **{"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
}
DEBERTA = {
    **BERT,
    "relative_attention": True,
    "position_buckets": 16,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "type_vocab_size": 0,
}
WAVES: dict[str, Any] = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 64, "conv_dim": [16, 32, 32], "conv_kernel": [16, 8, 4]},
    **{"conv_stride": [8, 5, 4], "num_conv_pos_embeddings": 16},
    **{"num_conv_pos_embedding_groups": 4, "layerdrop": 0.0, "apply_spec_augment": False},
    **{"hidden_dropout": 0.0, "activation_dropout": 0.0, "attention_dropout": 0.0},
    **{"feat_proj_dropout": 0.0, "final_dropout": 0.0, "mask_time_prob": 0.0},
}
STABLE = {**WAVES, "do_stable_layer_norm": True, "feat_extract_norm": "layer"}
LLAMA = {key: value for key, value in BERT.items() if "dropout" not in key}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256}
GPT2 |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "roberta": ("masked-lm", {"model_type": "roberta", **BERT}),
    "xlm-roberta": ("masked-lm", {"model_type": "xlm-roberta", **BERT}),
    "electra generator": ("masked-lm", {"model_type": "electra", **BERT, "embedding_size": 16}),
    "distilbert": ("masked-lm", {"model_type": "distilbert", **DISTILBERT}),
    "deberta-v2": ("masked-lm", {"model_type": "deberta-v2", **DEBERTA}),
    "electra": ("sequence-classification", {"model_type": "electra", **BERT, "embedding_size": 16}),
    "distilbert over texts": (
        "sequence-classification",
        {"model_type": "distilbert", **DISTILBERT},
    ),
    "gpt2 over texts": ("sequence-classification", {"model_type": "gpt2", **GPT2}),
    "llama over texts": ("sequence-classification", {"model_type": "llama", **LLAMA}),
    "wav2vec2": ("ctc", {"model_type": "wav2vec2", **WAVES}),
    "hubert": ("ctc", {"model_type": "hubert", **STABLE}),
    "wavlm": ("ctc", {"model_type": "wavlm", **WAVES}),
}
NO_STAGES = {"deberta-v2", "wavlm"}
NO_TENSOR = {"wavlm"}


def short(kind: str) -> list[str]:
    """The words of a few steps of a kind's twin, in one process or in as many as are asked."""
    return [*SHORT, *LIGHT.get(kind, ()), "run.steps=4", "parallel.zero.stage=0"]


def write_checkpoint(name: str, folder: Path) -> None:
    """The folder of a checkpoint as transformers writes it, its values drawn by the class."""
    kind, values = MODELS[name]
    specials = CTC if kind == "ctc" else ENCODER
    tokenizer = byte_tokenizer(specials)
    ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    named = {"id2label": dict(enumerate(KEYWORDS))} if "classification" in kind else {}
    config = AutoConfig.for_model(**{**values, **ids, **named})
    head: Any = getattr(transformers, KINDS[kind].head)
    head.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if kind == "ctc":
        Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(folder)
