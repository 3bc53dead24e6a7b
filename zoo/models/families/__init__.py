"""The families that can be cut into stages and tensor ranks, by transformers' model type."""

from collections.abc import Callable

from transformers import PreTrainedConfig

from zoo.models.families import (
    bert,
    deberta_v2,
    decoder,
    distilbert,
    encoder_decoder,
    gpt2,
    parakeet,
    resnet,
    vit,
    wav2vec2,
    wav2vec2_conformer,
)
from zoo.models.stage import Family
from zoo.recipe.vocabulary.tables import NO_PLAN, WHOLE

FAMILIES: dict[str, Family | Callable[[PreTrainedConfig], Family]] = {
    "bert": bert.FAMILY,
    "roberta": bert.ROBERTA,
    "xlm-roberta": bert.ROBERTA,
    "camembert": bert.ROBERTA,
    "electra": bert.ELECTRA,
    "distilbert": distilbert.FAMILY,
    "deberta-v2": deberta_v2.FAMILY,
    "t5": encoder_decoder.T5,
    "mt5": encoder_decoder.T5,
    "bart": encoder_decoder.BART,
    "mbart": encoder_decoder.BART,
    "pegasus": encoder_decoder.BART,
    "whisper": encoder_decoder.BART,
    "gpt2": gpt2.FAMILY,
    "vit": vit.FAMILY,
    "deit": vit.DEIT,
    "dinov2": vit.DINOV2,
    "beit": vit.beit,
    "resnet": resnet.FAMILY,
    "parakeet_ctc": parakeet.FAMILY,
    "wav2vec2-conformer": wav2vec2_conformer.FAMILY,
    "wav2vec2": wav2vec2.family,
    "hubert": wav2vec2.family,
    "wavlm": wav2vec2.WAVLM,
}


def family_of(config: PreTrainedConfig) -> Family | None:
    """The family of a configuration, or None: it trains whole (data parallelism, ZeRO).

    Decoders that carry plans of their own upstream (llama, mistral, qwen, ...) need no file here.
    """
    found = FAMILIES.get(config.model_type, decoder.family)
    return found(config) if callable(found) else found


def refusals(config: PreTrainedConfig) -> tuple[str, str]:
    """Why a configuration's model does not run in stages, and why not on tensor ranks.

    Clauses after its name; empty where it does. Files of the families say it where they know.
    """
    family = family_of(config)
    if family is None:
        why = decoder.MORE if config.model_type in decoder.MORE_THAN_HIDDEN else WHOLE
        return why, why
    return family.no_stages, "" if family.tensor else family.no_tensor or NO_PLAN
