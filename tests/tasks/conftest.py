"""Recipes and sources as small as they come: real specs, rows in memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.data.builtin.shapes import ShapeRows
from zoo.data.rows import ListRows
from zoo.data.source import Source
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.kinds import KINDS

BERT = {
    "model_type": "bert",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}
LLAMA = {**BERT, "model_type": "llama"}
VIT = {**BERT, "model_type": "vit", "patch_size": 4}
del VIT["max_position_embeddings"]
PARAKEET = {
    "model_type": "parakeet_ctc",
    "encoder_config": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "subsampling_factor": 4,
        "subsampling_conv_channels": 4,
    },
}
RT_DETR = {
    "model_type": "rt_detr",
    "backbone_config": {
        "model_type": "rt_detr_resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 8],
        "depths": [1, 1],
        "layer_type": "basic",
        "out_features": ["stage1", "stage2"],
    },
    "freeze_backbone_batch_norms": False,
    "encoder_in_channels": [8, 8],
    "encoder_hidden_dim": 16,
    "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "encode_proj_layers": [1],
    "feat_strides": [4, 8],
    "num_feature_levels": 2,
    "d_model": 16,
    "decoder_in_channels": [16, 16],
    "decoder_ffn_dim": 16,
    "decoder_attention_heads": 2,
    "decoder_layers": 2,
    "num_queries": 6,
    "num_denoising": 4,
}
MELS = {
    "feature_size": 8,
    "sampling_rate": 8000,
    "hop_length": 80,
    "n_fft": 256,
    "win_length": 200,
}
SEGFORMER = {
    "model_type": "segformer",
    "hidden_sizes": [8, 8, 16, 16],
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 1, 2, 2],
    "decoder_hidden_size": 8,
}
WINDOW = {**MELS, "hop_length": 160, "chunk_length": 3}
del WINDOW["win_length"]
WHISPER = {
    "model_type": "whisper",
    "d_model": 16,
    **{f"{side}_layers": 1 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 16 for side in ("encoder", "decoder")},
    "max_target_positions": 14,
}
WORDS = "the quick brown fox jumps over the lazy dog while seven wizards boxed"
T5 = {"model_type": "t5", "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
MODELS = {
    "causal-lm": {"config": LLAMA, "tokenizer": "bytes"},
    "preference": {"config": LLAMA, "tokenizer": "bytes"},
    "masked-lm": {"config": BERT, "tokenizer": {"train": "wordpiece", "vocab_size": 90}},
    "sequence-classification": {"config": BERT, "tokenizer": "characters"},
    "sequence-to-sequence": {"config": T5, "tokenizer": "characters"},
    "token-classification": {"config": BERT, "tokenizer": "bytes"},
    "question-answering": {"config": BERT, "tokenizer": {"train": "wordpiece", "vocab_size": 90}},
    "image-classification": {"config": VIT},
    "object-detection": {"config": RT_DETR},
    "semantic-segmentation": {"config": SEGFORMER},
    "ctc": {"config": PARAKEET, "tokenizer": "characters", "processor": MELS},
    "speech-seq2seq": {"config": WHISPER, "tokenizer": "characters", "processor": WINDOW},
}
TASKS = {
    "causal-lm": {"sequence_length": 16},
    "preference": {"sequence_length": 24},
    "masked-lm": {"sequence_length": 16},
    "sequence-classification": {"sequence_length": 32},
    "sequence-to-sequence": {"source_length": 16, "target_length": 12},
    "token-classification": {"sequence_length": 40},
    "question-answering": {"sequence_length": 24, "stride": 4},
    "image-classification": {"image_size": 16},
    "object-detection": {"image_size": 32},
    "semantic-segmentation": {"image_size": 32},
    "ctc": {},
    "speech-seq2seq": {},
}
LABELS = {"token-classification": ("B-THING", "I-THING", "O")}


def _rows(kind: str) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    if kind in ("ctc", "speech-seq2seq"):
        return [
            {
                "audio": rng.standard_normal(8000 + 800 * i).astype(np.float32),
                "sampling_rate": 8000,
                "transcript": word,
            }
            for i, word in enumerate([*WORDS.split(), "lazy boxed"])
        ]
    if kind == "object-detection":
        rows = ShapeRows("train", frozenset({"image", "objects"}))
        return [rows[index] for index in range(8)]
    if kind == "semantic-segmentation":
        from PIL import Image

        found = []
        for size in [(20, 24), (16, 16)] * 4:
            shades = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            classes = rng.choice(np.array([0, 1, 2, 255], np.uint8), size)
            found.append({"image": Image.fromarray(shades), "mask": Image.fromarray(classes)})
        return found
    if kind == "image-classification":
        from PIL import Image

        shades = rng.integers(0, 256, (8, 20, 24, 3), dtype=np.uint8)
        return [{"image": Image.fromarray(s), "label": i % 3} for i, s in enumerate(shades)]
    if kind == "sequence-to-sequence":
        words = WORDS.split()
        return [{"source": word, "target": word[::-1]} for word in words]
    if kind == "preference":
        words = WORDS.split()
        told = [{"reference": (-10.0 - i, -12.0)} for i in range(len(words))]
        pairs = [{"prompt": w, "chosen": w[::-1], "rejected": w * 2} for w in words]
        return [{**pair, **one} for pair, one in zip(pairs, told, strict=True)]
    if kind == "question-answering":
        found = [(WORDS.index(word), word) for word in WORDS.split()[:6]]
        ask = "what is {} there".format
        return [{"question": ask(w), "context": WORDS, "answers": ((at, w),)} for at, w in found]
    if kind == "token-classification":
        tags = [2, 0, 1, 2, 0, 0]
        return [{"tokens": WORDS.split()[i : i + 6], "tags": tags} for i in range(6)]
    if kind == "sequence-classification":
        return [{"text": word * 2, "label": i % 3} for i, word in enumerate(WORDS.split())]
    return [{"text": WORDS + "\n"} for _ in range(20)]


@pytest.fixture
def make_recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """A recipe of a task kind; the task's and the model's keys may be changed."""

    def make(kind: str, task: dict[str, Any] | None = None, **model: Any) -> Recipe:
        content = {
            "task": {"kind": kind, **TASKS[kind], **(task or {})},
            "model": {**MODELS[kind], **model},
            "data": {"source": "built-in", "name": "digits", "cache": str(tmp_path / "cache")},
            "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
            "run": {"steps": 1, "batch": 4, "micro_batch": 4},
        }
        return Recipe.model_validate_json(json.dumps(content))

    return make


@pytest.fixture
def make_source() -> Callable[..., Source]:
    """A source of the task kind's smallest rows, or of given ones."""

    def make(kind: str, rows: list[dict[str, Any]] | None = None) -> Source:
        chosen = _rows(kind) if rows is None else rows
        train = ListRows(chosen, f"{kind} {len(chosen)} {sorted(chosen[0])}")
        classes = KINDS[kind].classes
        labels = LABELS.get(kind, ("red", "green", "blue")) if classes else None
        return Source(train=train, valid={"valid": train}, test={}, labels=labels)

    return make


@pytest.fixture
def make_batch() -> Callable[..., dict[str, Any]]:
    """The first rows of a set as a batch that the model reads; the last `padding` of them with
    weight 0.
    """

    def make(
        task: Any, rows: Any, size: int = 4, padding: int = 0, training: bool = False, seed: int = 7
    ) -> Any:
        examples = []
        for index in range(size):
            example = task.example(rows[index], np.random.default_rng(index), training)
            examples.append({**example, "weight": float(index < size - padding)})
        batch = task.collate(examples, np.random.default_rng(seed), training)
        return batch | {"inputs": task.on_device(batch["inputs"])}

    return make
