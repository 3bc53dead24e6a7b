"""What tensors are called."""

import transformers

from zoo.models.build import on_meta
from zoo.models.names import parameters_of

SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9}


def test_a_tied_parameter_is_called_as_what_it_is_tied_to_wherever_the_head_stands() -> None:
    config = transformers.XLMRobertaConfig(intermediate_size=8, **SMALL)
    model = on_meta(transformers.AutoModelForMaskedLM, config, "sdpa")
    assert next(iter(model.named_parameters()))[0].startswith("lm_head"), "the head stands first"
    named = dict(parameters_of(model))
    assert "roberta.embeddings.word_embeddings.weight" in named
    assert "lm_head.decoder.weight" not in named and len(named) == len(list(model.parameters()))


def test_nothing_of_a_model_on_meta_takes_memory() -> None:
    config = transformers.Wav2Vec2Config(
        intermediate_size=8, mask_time_prob=0.5, num_conv_pos_embedding_groups=1, **SMALL
    )
    model = on_meta(transformers.AutoModelForCTC, config, "sdpa")
    assert "wav2vec2.masked_spec_embed" in dict(parameters_of(model))
    assert all(parameter.is_meta for parameter in model.parameters())
