"""Clips in the one window that Whisper reads, and the words that its decoder begins with."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor
from transformers import GenerationConfig, PreTrainedConfig, SequenceFeatureExtractor
from transformers.models.whisper.english_normalizer import (
    BasicTextNormalizer,
    EnglishTextNormalizer,
)
from transformers.models.whisper.tokenization_whisper import TASK_IDS, TO_LANGUAGE_CODE

from zoo.errors import Fault, near
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.speech import SpeechSeq2SeqSpec
from zoo.tasks.roles import fault
from zoo.tasks.text.encoding import frame_of
from zoo.tasks.text.files import brought_generation
from zoo.tasks.text.tokens import tokenizer_key

FAMILIES = frozenset({"whisper"})
WINDOW = "model.processor.chunk_length"
_NO_TIMES = "<|notimestamps|>"


def window(extractor: SequenceFeatureExtractor) -> int:
    """How many frames of features the model reads, of every clip."""
    return int(extractor.nb_max_frames)


def windowed(extractor: SequenceFeatureExtractor, audio: np.ndarray) -> tuple[Tensor, int]:
    """Log-mel features float32 (bins, frames of the window), silence behind a shorter clip and the
    end of a longer one cut off; and how many frames are the clip's.
    """
    rate = extractor.sampling_rate
    found = extractor(audio, sampling_rate=rate, return_tensors="pt")["input_features"][0]
    return found, min(found.shape[1], -(-len(audio) // int(extractor.hop_length)))


def window_ids(extractor: SequenceFeatureExtractor) -> dict[str, tuple[Any, str]]:
    """What the extractor rules in the configuration."""
    return {
        "num_mel_bins": (extractor.feature_size, "model.processor.feature_size"),
        "max_source_positions": (window(extractor) // 2, WINDOW),
    }


def window_faults(recipe: Recipe, extractor: SequenceFeatureExtractor) -> list[Fault]:
    """The encoder halves the frames."""
    if window(extractor) % 2 == 0:
        return []
    return [fault(recipe, WINDOW, f"{window(extractor)} frames", "an even number of frames")]


def said_prefix(recipe: Recipe, tokenizer: Any) -> list[Fault]:
    """Makes a tokenizer of many languages begin every text as the recipe says."""
    assert isinstance(recipe.task, SpeechSeq2SeqSpec)
    language, times = recipe.task.language, _NO_TIMES in tokenizer.get_vocab()
    spoken = {code for code in TO_LANGUAGE_CODE.values() if code_in(tokenizer, code)}
    if brought_generation(recipe, tokenizer).get("is_multilingual") is False:
        spoken = set()  # Whisper's English models have the tokens of all languages too
    key = "task.language"
    if not spoken:
        if language:
            allowed = f'"": {tokenizer_key(recipe)} is of one language'
            return [fault(recipe, key, language, allowed)]
        if recipe.task.task != "transcribe":
            return [fault(recipe, "task.task", recipe.task.task, "transcribe: one language")]
        if times:
            tokenizer.set_prefix_tokens(predict_timestamps=False)
        return []
    names = [name for name, code in TO_LANGUAGE_CODE.items() if code in spoken]
    chosen = language.lower()
    if chosen not in {*names, *spoken}:
        found, close = language or "nothing", near(chosen, names)
        hint = f"{key}={close}" if close else ""
        return [fault(recipe, key, found, ", ".join(sorted(names)), hint)]
    tokenizer.set_prefix_tokens(language=chosen, task=recipe.task.task, predict_timestamps=False)
    return []


def code_in(tokenizer: Any, code: str) -> bool:
    """Whether a tokenizer has a token for a language."""
    return f"<|{code}|>" in tokenizer.get_vocab()


def tell_languages(made: GenerationConfig, tokenizer: Any, spec: SpeechSeq2SeqSpec) -> None:
    """Makes generation begin a text as training does, also in the exported folder.

    transformers/models/whisper/generation_whisper.py: _retrieve_init_tokens.
    """
    vocabulary = tokenizer.get_vocab()
    made.forced_decoder_ids = None
    if _NO_TIMES in vocabulary:
        made.no_timestamps_token_id = vocabulary[_NO_TIMES]
    made.is_multilingual = bool(spec.language)
    if not spec.language:
        return
    codes = sorted(code for code in TO_LANGUAGE_CODE.values() if code_in(tokenizer, code))
    made.lang_to_id = {f"<|{code}|>": vocabulary[f"<|{code}|>"] for code in codes}
    made.task_to_id = {task: vocabulary[f"<|{task}|>"] for task in TASK_IDS}
    made.language, made.task = spec.language.lower(), spec.task


def start_fault(recipe: Recipe, tokenizer: Any, config: PreTrainedConfig) -> list[Fault]:
    """The tokenizer must begin with what the decoder starts with, and there must be positions for
    what it begins and ends with and a token between.
    """
    before, after = frame_of(tokenizer)
    start, faults = config.decoder_start_token_id, []
    if before[:1] != [start] or not after:
        found = f"a tokenizer that frames texts by {before} and {after}"
        allowed = f"one that begins with the model's decoder_start_token_id, {start}, and ends"
        faults.append(fault(recipe, tokenizer_key(recipe), found, allowed))
    least = len(before) + len(after) + 1
    if config.max_target_positions < least:
        key, found = "model.config.max_target_positions", str(config.max_target_positions)
        faults.append(fault(recipe, key, found, f"at least {least}"))
    return faults


def normalizer(name: str, tokenizer: Any) -> Callable[[str], str]:
    """What makes texts comparable: Whisper's normalizers, with single spaces.

    The English one has the spelling table that the tokenizer brings, if it brings one.
    """
    spellings = getattr(tokenizer, "english_spelling_normalizer", None) or {}
    own: Callable[[str], str] = {
        "basic": BasicTextNormalizer(),
        "english": EnglishTextNormalizer(spellings),
        "none": str,
    }[name]
    return lambda text: " ".join(own(text).split())
