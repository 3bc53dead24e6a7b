"""Small models of the families of vision, with stochastic depth where they have it."""

from pathlib import Path
from typing import Any

import transformers
from transformers import AutoConfig
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from zoo.data.builtin.shapes import BACKGROUND, SHAPES
from zoo.recipe.vocabulary.kinds import KINDS

SIZE = 32
PATCHES: dict[str, Any] = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 64, "patch_size": 8},
    **{"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
}
NO_WIDTH = {key: value for key, value in PATCHES.items() if key != "intermediate_size"}
DEPTH = {"drop_path_rate": 0.2}
STAGES = {"depths": [1, 1], "patch_size": 4, **DEPTH}
BIASED = {"use_relative_position_bias": True}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "swin": (
        "image-classification",
        {"model_type": "swin", "embed_dim": 16, "num_heads": [1, 2], "window_size": 4, **STAGES},
    ),
    "convnext": (
        "image-classification",
        {"model_type": "convnext", "hidden_sizes": [16, 32], "num_stages": 2, **STAGES},
    ),
    "deit": ("image-classification", {"model_type": "deit", **PATCHES}),
    "dinov2": ("image-classification", {"model_type": "dinov2", **NO_WIDTH, **DEPTH}),
    "beit": ("image-classification", {"model_type": "beit", **PATCHES, **DEPTH}),
    "beit of biases": (
        "image-classification",
        {"model_type": "beit", **PATCHES, **DEPTH, **BIASED},
    ),
    "segformer": (
        "semantic-segmentation",
        {
            "model_type": "segformer",
            **{"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "strides": [2, 2, 2, 2]},
            **{"num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16, **DEPTH},
            "classifier_dropout_prob": 0.1,
        },
    ),
}
CUT = {"deit", "dinov2", "beit"}
"""Those that run in stages and on tensor ranks."""


def sizes(kind: str) -> list[str]:
    """The words that say the size of images."""
    keys = ("image_size", "eval_image_size") if kind == "image-classification" else ("image_size",)
    return [f"task.{key}={SIZE}" for key in keys]


def config_of(name: str) -> Any:
    """The configuration of a model as its checkpoint says it."""
    kind, values = MODELS[name]
    classes = (BACKGROUND, *SHAPES) if "segmentation" in kind else tuple(map(str, range(10)))
    written = {"id2label": dict(enumerate(classes)), "architectures": []}
    if kind == "image-classification":
        written["image_size"] = SIZE
    return AutoConfig.for_model(**values, **written)


def write_checkpoint(name: str, folder: Path) -> None:
    """The folder of a checkpoint as transformers writes it, its values drawn by the class."""
    kind = MODELS[name][0]
    head: Any = getattr(transformers, KINDS[kind].head)
    head.from_config(config_of(name)).save_pretrained(folder)
    made = SegformerImageProcessorPil if "segmentation" in kind else ViTImageProcessorPil
    made(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
