import json

import pytest
import torch
from transformers import AutoConfig, AutoModel, BertConfig
from transformers.utils import is_timm_available

from zoo.errors import ConfigError
from zoo.models.config import model_config, takes_one_size
from zoo.recipe import Recipe

BERT = {"model_type": "bert", "hidden_size": 16, "num_attention_heads": 2}


def recipe_of(config, **model):
    content = {
        "task": {"kind": "masked-lm", "sequence_length": 8},
        "model": {"config": config, **model},
        "data": {"source": "built-in", "name": "stdlib-text"},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 1, "batch": 1, "micro_batch": 1},
    }
    return Recipe.model_validate_json(json.dumps(content))


def faults_of(recipe, written):
    with pytest.raises(ConfigError) as caught:
        model_config(recipe, written)
    return caught.value.faults


def test_inline_keys_and_written_ones_meet_in_the_configuration():
    config = model_config(recipe_of(BERT), {"vocab_size": (77, "model.tokenizer")})
    assert (type(config), config.hidden_size, config.vocab_size) == (BertConfig, 16, 77)


def test_a_larger_vocabulary_may_stand():
    config = model_config(recipe_of({**BERT, "vocab_size": 128}), {"vocab_size": (77, "x")})
    assert config.vocab_size == 128


def test_contradictions_name_both_keys_all_at_once():
    recipe = recipe_of({**BERT, "vocab_size": 50, "pad_token_id": 9})
    written = {"vocab_size": (77, "model.tokenizer"), "pad_token_id": (0, "model.tokenizer")}
    faults = faults_of(recipe, written)
    assert [fault.key for fault in faults] == [
        "model.config.vocab_size",
        "model.config.pad_token_id",
    ]
    assert faults[0].found == "50"
    assert faults[0].allowed == "at least 77, which model.tokenizer rules (leave the key out)"


def test_the_same_value_may_be_said_twice():
    recipe = recipe_of({**BERT, "num_labels": 2, "id2label": {"0": "no", "1": "yes"}})
    written = {
        "num_labels": (2, "data.labels"),
        "id2label": ({0: "no", 1: "yes"}, "data.labels"),
        "label2id": ({"no": 0, "yes": 1}, "data.labels"),
    }
    config = model_config(recipe, written)
    assert (config.num_labels, config.id2label) == (2, {0: "no", 1: "yes"})


def test_another_number_of_labels_is_a_contradiction():
    faults = faults_of(recipe_of({**BERT, "num_labels": 3}), {"num_labels": (2, "data.labels")})
    assert faults[0].key == "model.config.num_labels"
    assert "data.labels" in faults[0].allowed


def test_dots_reach_into_nested_configurations():
    config = {"model_type": "parakeet_ctc", "encoder_config": {"hidden_size": 32}}
    written = {"encoder_config.num_mel_bins": (12, "model.processor.feature_size")}
    encoder = model_config(recipe_of(config), written).encoder_config
    assert (encoder.hidden_size, encoder.num_mel_bins) == (32, 12)
    config["encoder_config"]["num_mel_bins"] = 80
    assert (
        faults_of(recipe_of(config), written)[0].key == "model.config.encoder_config.num_mel_bins"
    )


def test_what_a_class_does_not_have_is_not_written():
    config = model_config(
        recipe_of({"model_type": "resnet"}), {"image_size": (64, "task.image_size")}
    )
    assert not hasattr(config, "image_size")


def test_a_name_brings_its_configuration_and_the_recipe_changes_it(tmp_path):
    BertConfig(hidden_size=24, num_attention_heads=2, vocab_size=500).save_pretrained(tmp_path)
    recipe = recipe_of({"hidden_dropout_prob": 0.3}, name=str(tmp_path))
    config = model_config(recipe, {"vocab_size": (77, "model.tokenizer")})
    assert (config.hidden_size, config.vocab_size) == (24, 500)
    assert config.hidden_dropout_prob == 0.3


def test_a_name_that_is_not_there_is_a_fault(tmp_path):
    fault = faults_of(recipe_of({}, name=str(tmp_path / "nowhere")), {})[0]
    assert fault.key == "model.name"
    assert "nowhere" in fault.found


def test_a_configuration_needs_a_model_type_that_exists():
    assert faults_of(recipe_of({"hidden_size": 3}), {})[0].found == "nothing"
    assert faults_of(recipe_of({"model_type": "bart-simpson"}), {})[0].found == "'bart-simpson'"


def test_a_value_of_the_wrong_type_is_a_fault():
    fault = faults_of(recipe_of({**BERT, "hidden_size": "large"}), {})[0]
    assert fault.key == "model.config.hidden_size"
    assert "hidden_size" in fault.found


def test_a_checkpoint_keeps_its_configuration(data_root):
    folder = data_root / "ckpt_aidreams260k"
    wanted = json.loads((folder / "config.json").read_text())
    words = {"vocab_size": (wanted["vocab_size"], "model.tokenizer")}
    config = model_config(recipe_of({}, name=str(folder)), words)
    assert config.model_type == wanted["model_type"] == "llama"
    for key in ("vocab_size", "hidden_size", "num_hidden_layers", "tie_word_embeddings"):
        assert getattr(config, key) == wanted[key], key


@pytest.mark.shared_data
def test_a_real_checkpoint_keeps_its_configuration(shared_data):
    folder = shared_data / "ckpt_aidreams260k"
    config = model_config(recipe_of({}, name=str(folder)), {"vocab_size": (512, "model.tokenizer")})
    assert (config.model_type, config.vocab_size, config.hidden_size) == ("llama", 512, 64)


def test_a_misspelt_model_type_is_refused_here_with_the_nearest_spelling():
    [fault] = faults_of(recipe_of({"model_type": "gtp2"}), {})
    assert (fault.key, fault.found, fault.nearest) == (
        "model.config.model_type",
        "'gtp2'",
        "model.config.model_type=gpt2",
    )


PATCHES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 4}
WINDOWS = {"embed_dim": 8, "depths": [1], "num_heads": [1], "window_size": 4, "patch_size": 4}


@pytest.mark.parametrize(
    ("model_type", "values", "one"),
    [
        ("vit", PATCHES, True),
        ("deit", PATCHES, True),
        ("dinov2", PATCHES, False),
        ("swin", WINDOWS, False),
        ("swin", {**WINDOWS, "use_absolute_embeddings": True}, True),
        ("convnext", {"num_stages": 1, "hidden_sizes": [8], "depths": [1]}, False),
        ("resnet", {"embedding_size": 8, "hidden_sizes": [8], "depths": [1]}, False),
    ],
)
def test_a_model_that_takes_one_size_takes_no_other(model_type, values, one):
    config = AutoConfig.for_model(model_type, **values)
    if hasattr(config, "image_size"):
        config.image_size = 16
    assert takes_one_size(config) == one
    model = AutoModel.from_config(config).eval()
    model(torch.zeros(1, 3, 16, 16))
    if one:
        with pytest.raises((ValueError, RuntimeError)):
            model(torch.zeros(1, 3, 24, 24))
    else:
        model(torch.zeros(1, 3, 24, 24))


@pytest.mark.skipif(is_timm_available(), reason="timm is there")
def test_a_model_of_timm_says_that_timm_is_missing(tmp_path):
    values = {"model_type": "timm_wrapper", "architecture": "resnet18"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError) as caught:
        model_config(recipe_of({}, name=str(tmp_path)), {})
    assert [fault.key for fault in caught.value.faults] == ["model.name"]
    assert "requires the timm library" in caught.value.faults[0].found
