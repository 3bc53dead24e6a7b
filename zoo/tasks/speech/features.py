"""From a clip to what a model reads, and how many frames a CTC model makes of it."""

import inspect
import math
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers import AutoFeatureExtractor, PreTrainedConfig, SequenceFeatureExtractor
from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES

from zoo.errors import ConfigError, Fault
from zoo.recipe import Recipe
from zoo.tasks.brought import brought
from zoo.tasks.roles import fault

SPECTROGRAM = {"parakeet_ctc"}
WAVEFORM = {
    "wav2vec2",
    "wav2vec2-conformer",
    "hubert",
    "wavlm",
    "unispeech",
    "unispeech-sat",
    "data2vec-audio",
}
FRAMES = frozenset(SPECTROGRAM | WAVEFORM)
"""Families that give logits frame by frame."""


def build_extractor(
    recipe: Recipe, config: PreTrainedConfig, families: frozenset[str] = FRAMES
) -> SequenceFeatureExtractor:
    """The extractor of `model.name` or of the family, with what `model.processor` changes.

    A name's keeps its class and every other key of its file. `config` says the family only. Raises
    ConfigError where it is none of `families` and for keys that the extractor does not take.
    """
    if config.model_type not in families:
        allowed = ", ".join(sorted(families))
        key = "model.name" if recipe.model.name else "model.config.model_type"
        raise ConfigError([fault(recipe, key, config.model_type, allowed)])
    own = brought(recipe, AutoFeatureExtractor)
    values: dict[str, Any] = own.to_dict() if own else {}
    family = getattr(transformers, FEATURE_EXTRACTOR_MAPPING_NAMES[config.model_type])
    kind = type(own) if own else family
    known = [name for name in inspect.signature(kind).parameters if name != "kwargs"]
    faults = _key_faults(recipe, known)
    if faults:
        raise ConfigError(faults)
    if config.model_type in WAVEFORM and "return_attention_mask" not in values:
        # "group" models were trained without masks, "layer" models with (wav2vec2's documentation)
        norm = recipe.model.config.get(
            "feat_extract_norm", getattr(config, "feat_extract_norm", "")
        )
        values["return_attention_mask"] = norm == "layer"
    made = {**values, **recipe.model.processor}
    made.pop("feature_extractor_type", None)
    return kind(**made)


def features_of(extractor: SequenceFeatureExtractor, audio: np.ndarray) -> Tensor:
    """Log-mel features float32 (frames, bins), or the normalised waveform float32 (samples,).

    Only real frames: what the extractor's own mask would leave out is cut off.
    """
    found = extractor(
        [audio],
        sampling_rate=extractor.sampling_rate,
        padding="longest",
        return_attention_mask=True,
        return_tensors="pt",
    )
    length = int(found["attention_mask"][0].sum())
    return found[extractor.model_input_names[0]][0, :length]


def least_samples(extractor: SequenceFeatureExtractor, config: PreTrainedConfig) -> int:
    """The shortest clip that the model can read: two frames of a spectrogram, one of a waveform."""
    if config.model_type in SPECTROGRAM:
        return 2 * int(extractor.hop_length)  # one frame has no variance to divide by
    samples = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def frames_a_second(recipe: Recipe, extractor: SequenceFeatureExtractor) -> float:
    """Log-mel frames of a second; raises ConfigError where the model reads samples."""
    if not hasattr(extractor, "hop_length"):
        found = f"frames with {type(extractor).__name__}, which gives samples"
        raise ConfigError([fault(recipe, "run.batch_unit", found, "examples, seconds")])
    return float(extractor.sampling_rate / extractor.hop_length)


def output_lengths(config: PreTrainedConfig, lengths: Tensor) -> Tensor:
    """How many frames of logits belong to inputs of these lengths, int64 (batch,)."""
    if config.model_type in SPECTROGRAM:
        encoder = config.encoder_config
        kernel, stride = encoder.subsampling_conv_kernel_size, encoder.subsampling_conv_stride
        for _ in range(int(math.log2(encoder.subsampling_factor))):
            lengths = (lengths + (kernel - 1) // 2 * 2 - kernel) // stride + 1
        return lengths
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        lengths = (lengths - kernel) // stride + 1
    if getattr(config, "add_adapter", False):
        for _ in range(config.num_adapter_layers):
            lengths = (lengths - 1) // config.adapter_stride + 1
    return lengths


def stacked(features: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(inputs padded with 0 on the right, lengths int64) of clips' features."""
    lengths = torch.tensor([len(clip) for clip in features])
    return torch.nn.utils.rnn.pad_sequence(features, batch_first=True), lengths


def mel_bins(extractor: SequenceFeatureExtractor, model_type: str) -> dict[str, tuple[Any, str]]:
    """What the extractor rules in the configuration."""
    if model_type not in SPECTROGRAM:
        return {}
    ruler = "model.processor.feature_size"
    return {"encoder_config.num_mel_bins": (extractor.feature_size, ruler)}


def mel_faults(recipe: Recipe, config: PreTrainedConfig) -> list[Fault]:
    """A fault when subsampling leaves no mel bin."""
    if config.model_type not in SPECTROGRAM:
        return []
    bins, factor = config.encoder_config.num_mel_bins, config.encoder_config.subsampling_factor
    if bins >= factor:
        return []
    allowed = f"at least the encoder's subsampling_factor, {factor}"
    return [fault(recipe, "model.processor.feature_size", str(bins), allowed)]


def _key_faults(recipe: Recipe, known: list[str]) -> list[Fault]:
    allowed = ", ".join(known)
    strays = [
        key for key in recipe.model.processor if key not in [*known, "feature_extractor_type"]
    ]
    return [fault(recipe, f"model.processor.{key}", "this key", allowed) for key in strays]
