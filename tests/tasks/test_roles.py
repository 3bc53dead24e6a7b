from dataclasses import replace

import pytest

from zoo.data.rows import ListRows
from zoo.errors import ConfigError, Fault, collected
from zoo.tasks.build import build_task


def keys_of(recipe, source):
    with pytest.raises(ConfigError) as caught:
        build_task(recipe, source)
    return [fault.key for fault in caught.value.faults]


def test_faults_are_collected_once_and_the_rest_goes_on():
    fault, faults = Fault("file", "key", "this", "that"), []
    for _ in range(2):
        with collected(faults):
            raise ConfigError([fault])
    assert faults == [fault]


@pytest.mark.parametrize("kind", ["causal-lm", "masked-lm", "sequence-classification"])
def test_a_missing_tokenizer_and_a_wrong_family_are_said_together(
    kind, make_recipe, make_source, tmp_path
):
    recipe = make_recipe(kind, config={"model_type": "bort"}, tokenizer=str(tmp_path / "nowhere"))
    assert keys_of(recipe, make_source(kind)) == ["model.config.model_type", "model.tokenizer"]


def test_tokenizer_and_extractor_of_a_clip_are_checked_together(make_recipe, make_source, tmp_path):
    recipe = make_recipe("ctc", tokenizer=str(tmp_path / "x"), processor={"hop_lenght": 80})
    assert keys_of(recipe, make_source("ctc")) == [
        "model.tokenizer",
        "model.processor.hop_lenght",
    ]


def test_an_image_without_label_and_a_wrong_size_are_said_together(make_recipe, make_source):
    rows = [{"image": None}]
    recipe = make_recipe("image-classification", {"image_size": 18})
    keys = keys_of(recipe, make_source("image-classification", rows))
    assert keys == ["data.columns.label"] * 2 + ["task.image_size"]


def test_all_sets_hold_what_the_train_rows_do(make_recipe, make_source):
    source = make_source("causal-lm", [{"text": "a text of some length"}] * 4)
    other = ListRows([{"prompt": "a", "completion": "b"}], "other")
    recipe = make_recipe("causal-lm")
    assert build_task(recipe, source).packed
    with pytest.raises(ConfigError, match="found columns completion, prompt in the valid valid"):
        build_task(recipe, replace(source, valid={"valid": other}))
