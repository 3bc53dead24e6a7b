"""The families that can be cut into stages and tensor ranks, by transformers' model type."""

from transformers import PreTrainedConfig

from zoo.models.families import bert, decoder, gpt2, parakeet, resnet, vit, wav2vec2_conformer
from zoo.models.stage import Family

FAMILIES: dict[str, Family] = {
    "bert": bert.FAMILY,
    "gpt2": gpt2.FAMILY,
    "vit": vit.FAMILY,
    "resnet": resnet.FAMILY,
    "parakeet_ctc": parakeet.FAMILY,
    "wav2vec2-conformer": wav2vec2_conformer.FAMILY,
}


def family_of(config: PreTrainedConfig) -> Family | None:
    """The family of a configuration, or None: it trains whole (data parallelism, ZeRO).

    Decoders that carry plans of their own upstream (llama, mistral, qwen, ...) need no file here.
    """
    return FAMILIES.get(config.model_type) or decoder.family(config)
