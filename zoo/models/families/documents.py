"""Which families keep the documents of one row apart, told by their positions alone.

transformers begins a document wherever positions do not grow by one, if the model is given neither
a mask nor a cache (masking_utils.py: find_packed_sequence_indices), and if it hands its positions
on to the mask: families that do not would see across, and nothing would say so. Each family here is
held to it by a test.
"""

from transformers import PreTrainedConfig

KEEP_APART = frozenset(
    {
        "gemma",
        "gemma2",
        "gemma3_text",
        "gpt2",
        "gpt_neox",
        "granite",
        "llama",
        "mistral",
        "olmo2",
        "phi3",
        "qwen2",
        "qwen3",
        "smollm3",
        "starcoder2",
    }
)
"""Model types, by sdpa and eager; flash_attention_2 of rows laid one after the other."""


def sees_across(config: PreTrainedConfig) -> str:
    """Why documents of one row would see each other in a model of this configuration, as what was
    found of it; empty where they do not.
    """
    if config.model_type in KEEP_APART:
        return ""
    return f"{config.model_type}, which is not known to keep apart what stands in one row"
