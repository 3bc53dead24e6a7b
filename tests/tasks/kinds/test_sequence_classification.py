from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics

from tests.tasks.conftest import MODELS
from zoo.data.rows import CorruptExample
from zoo.data.source import Source
from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer

KIND = "sequence-classification"


def test_scores_are_scikit_learns(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND), make_source(KIND))
    rows = make_source(KIND).train
    torch.manual_seed(1)
    logits = torch.randn(6, 3)
    batches = [make_batch(task, rows, 6) for _ in range(2)]
    tallies = [
        task.tally({"logits": part}, batch)
        for part, batch in zip((logits, -logits), batches, strict=True)
    ]
    totals = {name: tallies[0][name] + tallies[1][name] for name in tallies[0]}
    labels = torch.cat([batch["labels"]["labels"] for batch in batches])
    both = torch.cat([logits, -logits])
    scores = task.score(totals)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(labels, both.argmax(-1)))
    assert scores["macro_f1"] == pytest.approx(
        metrics.f1_score(labels, both.argmax(-1), average="macro")
    )
    assert scores["matthews"] == pytest.approx(metrics.matthews_corrcoef(labels, both.argmax(-1)))
    assert scores["loss"] == pytest.approx(F.cross_entropy(both, labels).item(), rel=1e-6)


def test_smoothing_is_for_training_only(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND, {"label_smoothing": 0.1}), make_source(KIND))
    batch = make_batch(task, make_source(KIND).train)
    logits = torch.randn(4, 3)
    labels = batch["labels"]["labels"]
    smooth = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(task.loss({"logits": logits}, batch), smooth)
    plain = F.cross_entropy(logits, labels, reduction="sum").double()
    torch.testing.assert_close(task.tally({"logits": logits}, batch)["loss"], plain)


def test_tokens_are_hidden_in_training_only(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND, {"mask_probability": 0.5}), make_source(KIND))
    rows = make_source(KIND).train
    masked, plain = (
        make_batch(task, rows, training=t)["inputs"]["input_ids"] for t in (True, False)
    )
    mask = task.tokenizer.mask_token_id
    assert (masked == mask).any()
    assert not (plain == mask).any()
    assert torch.equal(masked[masked != mask], plain[masked != mask])


def test_texts_are_cut_and_padded_to_the_longest(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND, {"sequence_length": 8}), make_source(KIND))
    batch = make_batch(task, make_source(KIND).train)
    ids, mask = batch["inputs"]["input_ids"], batch["inputs"]["attention_mask"]
    assert ids.shape[1] == 8
    assert torch.equal(ids == task.tokenizer.pad_token_id, mask == 0)
    assert (ids == task.tokenizer.sep_token_id).sum() == 4


def test_pairs_are_two_segments(make_recipe, make_source, make_batch):
    rows = [{"text": "ab", "text_pair": "cd", "label": i} for i in (0, 1)]
    task = build_task(make_recipe(KIND), make_source(KIND, rows))
    segments = make_batch(task, rows, 1)["inputs"]["token_type_ids"]
    assert segments.tolist() == [[0, 0, 0, 0, 1, 1, 1]]


def test_class_names_stand_in_the_configuration(make_recipe, make_source):
    config = build_task(make_recipe(KIND), make_source(KIND)).config
    assert config.id2label == {0: "red", 1: "green", 2: "blue"}
    assert config.num_labels == 3


def test_columns_and_labels_are_missed_at_once(make_recipe, make_source):
    rows = make_source("causal-lm").train
    source = Source(train=rows, valid={}, test={}, labels=None)
    with pytest.raises(ConfigError) as caught:
        build_task(make_recipe(KIND), source)
    assert [fault.key for fault in caught.value.faults] == ["data.columns.label", "data.labels"]


def test_f1_is_that_of_the_second_of_two_classes(make_recipe, make_source, make_batch):
    rows = [{"text": f"text {index}", "label": index % 2} for index in range(6)]
    source = replace(make_source(KIND, rows), labels=("other", "same"))
    task = build_task(make_recipe(KIND), source)
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    batch = make_batch(task, source.train, 6)
    scores = task.score(task.tally({"logits": logits}, batch))
    wanted = metrics.f1_score(batch["labels"]["labels"], logits.argmax(-1))
    assert scores["f1"] == pytest.approx(wanted)
    assert 0 < wanted < 1


def test_f1_of_three_classes_is_a_fault_where_it_is_asked_for(make_recipe, make_source):
    recipe = make_recipe(KIND)
    asked = {"best_metric": "valid/f1", "expected": {"valid/f1": [0.8, 0.9], "valid/loss": [0, 1]}}
    recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update=asked)})
    with pytest.raises(ConfigError) as caught:
        build_task(recipe, make_source(KIND))
    faults = caught.value.faults
    assert [fault.key for fault in faults] == ["run.best_metric", "run.expected.valid/f1"]
    assert all("3 classes" in fault.found for fault in faults)


def test_an_example_depends_on_its_row_alone(make_recipe, make_source):
    task = build_task(make_recipe(KIND), make_source(KIND))
    row = make_source(KIND).train[0]
    first, second = (task.example(row, np.random.default_rng(i), True) for i in range(2))
    assert first == second


def test_a_text_without_tokens_is_a_corrupt_row(make_recipe, make_source):
    task = build_task(make_recipe(KIND), make_source(KIND))
    task.framed = lambda text, pair: ([], [])
    with pytest.raises(CorruptExample, match="without tokens: 'a text'"):
        task.example({"text": "a text", "label": 0}, None, False)


@pytest.fixture
def unpadded(tmp_path):
    """The folder of a tokenizer that frames nothing and has no pad token, as GPT-2's."""
    byte_tokenizer(CAUSAL).save_pretrained(tmp_path / "tokenizer")
    return str(tmp_path / "tokenizer")


def test_a_decoder_pads_with_the_token_that_the_recipe_names(
    make_recipe, make_source, make_batch, unpadded
):
    llama = {**MODELS["causal-lm"]["config"], "pad_token_id": 256}
    task = build_task(make_recipe(KIND, config=llama, tokenizer=unpadded), make_source(KIND))
    assert task.config.pad_token_id == task.tokenizer.pad_token_id == 256
    rows = [{"text": "ab", "label": 0}, {"text": "c<|endoftext|>", "label": 1}]
    inputs = make_batch(task, rows, 2)["inputs"]
    assert inputs["input_ids"].tolist() == [[97, 98], [99, 256]]  # the text's own end is padding
    assert inputs["attention_mask"].tolist() == [[1, 1], [1, 0]]
    assert "token_type_ids" not in inputs, "GPT-2 would add them as tokens"


@pytest.mark.parametrize(
    ("pad", "message"),
    [
        ({}, r"model\.tokenizer: found a tokenizer without pad token; .*pad_token_id=256\?"),
        ({"pad_token_id": 999}, r"model\.config\.pad_token_id: found 999; allowed: .* 0 to 256"),
    ],
)
def test_a_tokenizer_that_cannot_pad_is_a_fault_with_a_way_out(
    pad, message, make_recipe, make_source, unpadded
):
    llama = {**MODELS["causal-lm"]["config"], **pad}
    with pytest.raises(ConfigError, match=message):
        build_task(make_recipe(KIND, config=llama, tokenizer=unpadded), make_source(KIND))
