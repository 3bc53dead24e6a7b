"""What holds for every task, whatever its kind."""

import pytest
import torch
from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer, GenerationConfig

from zoo.recipe.vocabulary.kinds import KINDS as ENTRIES
from zoo.recipe.vocabulary.named import named
from zoo.tasks.build import build_task, head_class

KINDS = sorted(ENTRIES)
OUTSIDE = [name for name in KINDS if not ENTRIES[name].labels_enter]
"""Kinds whose loss is the task's: it can be asked about any logits."""
outside = pytest.mark.parametrize("kind", OUTSIDE, indirect=True)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def task(kind, make_recipe, make_source):
    return build_task(make_recipe(kind), make_source(kind))


@pytest.fixture
def rows(task, kind, make_source):
    return task.rows(make_source(kind).train)


def outputs_of(kind, task, batch):
    """What the kind's model gives to be scored."""
    torch.manual_seed(0)
    model = head_class(kind).from_config(task.config).eval()
    return dict(task.predict(model, batch))


def changed(outputs, change):
    """The same outputs with their logits changed."""
    return {n: change(value) if n.endswith("logits") else value for n, value in outputs.items()}


def logits_of(kind, task, batch):
    """The logits alone, which a question's answer has two of."""
    outputs = changed(outputs_of(kind, task, batch), torch.detach)
    return {name: value for name, value in outputs.items() if name.endswith("logits")}


def own(value, index, size):
    """The rows of one example of so many: it may have several, next to each other."""
    each = len(value) // size
    return value[index * each : (index + 1) * each]


def test_a_kind_is_its_file_and_its_class(kind):
    made = named(ENTRIES[kind].task)
    name = made.__name__
    assert made.__module__ == f"zoo.tasks.kinds.{kind.replace('-', '_')}"
    assert name.lower() == kind.replace("-", "")


def test_the_scores_are_those_of_the_entry(kind, task, rows, make_batch):
    batch = make_batch(task, rows)
    scores = task.score(task.tally(outputs_of(kind, task, batch), batch))
    of_classes = {name for name in scores if "/" in name}
    given = {name for name, score in ENTRIES[kind].scores.items() if not score.of_two}
    assert given == set(scores) - of_classes  # the sources of these tests have three classes
    assert all(isinstance(score, float) for score in scores.values())


@outside
def test_the_loss_of_a_batch_is_the_sum_of_its_parts(kind, task, rows, make_batch):
    batch = make_batch(task, rows, size=3)
    logits, parts = logits_of(kind, task, batch), []
    for index in range(3):
        labels = {key: own(value, index, 3) for key, value in batch["labels"].items()}
        parts.append(
            task.loss({n: own(v, index, 3) for n, v in logits.items()}, {"labels": labels})
        )
    whole = task.loss(logits, batch)
    assert whole.shape == ()
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole, torch.stack(parts).sum())


@outside
def test_without_targets_the_loss_is_zero_and_connected(kind, task, rows, make_batch):
    batch = make_batch(task, rows, size=2, padding=2)
    logits = changed(logits_of(kind, task, batch), torch.Tensor.requires_grad_)
    loss = task.loss(logits, batch)
    loss.backward()
    assert float(batch["count"]) == 0.0
    assert loss.item() == 0.0
    assert all(torch.equal(one.grad, torch.zeros_like(one)) for one in logits.values())


@outside
def test_an_example_of_weight_zero_changes_no_sum(kind, task, rows, make_batch):
    padded = make_batch(task, rows, 4, padding=1)
    outputs = outputs_of(kind, task, padded)
    tally = task.tally(outputs, padded)

    def noisy(logits):
        last = torch.arange(len(logits)) >= len(logits) * 3 // 4
        noise = torch.randn_like(logits) * last.view(-1, *[1] * (logits.ndim - 1))
        return logits.detach() + noise

    for name, total in task.tally(changed(outputs, noisy), padded).items():
        torch.testing.assert_close(total, tally[name], msg=name)


def test_tallies_are_float64_sums_of_fixed_size(kind, task, rows, make_batch):
    small, large = make_batch(task, rows, 1), make_batch(task, rows, 4)
    first, second = (task.tally(outputs_of(kind, task, batch), batch) for batch in (small, large))
    assert {"loss", "count"} <= set(first)
    for name in first:
        assert first[name].dtype == torch.float64
        assert first[name].shape == second[name].shape
    assert second["count"] == large["count"]


def test_a_batch_counts_its_targets_in_float64(kind, task, rows, make_batch):
    count = make_batch(task, rows)["count"]
    assert (count.dtype, count.shape) == (torch.float64, ())
    assert count > 0


@outside
def test_half_precision_logits_lose_nothing_more_in_the_loss(kind, task, rows, make_batch):
    batch = make_batch(task, rows)
    rounded = changed(logits_of(kind, task, batch), torch.Tensor.bfloat16)
    whole = changed(rounded, torch.Tensor.float)
    torch.testing.assert_close(task.loss(rounded, batch), task.loss(whole, batch))


def test_the_same_generator_gives_the_same_batch(kind, task, rows, make_batch):
    first, second = (make_batch(task, rows, training=True) for _ in range(2))
    for part in ("inputs", "labels"):
        torch.testing.assert_close(first[part], second[part], rtol=0, atol=0, equal_nan=True)


# Kind: the file, and the class that reads it back.
FILES = {
    "causal-lm": [("tokenizer.json", AutoTokenizer)],
    "preference": [("tokenizer.json", AutoTokenizer)],
    "masked-lm": [("tokenizer.json", AutoTokenizer)],
    "sequence-classification": [("tokenizer.json", AutoTokenizer)],
    "sequence-to-sequence": [
        ("tokenizer.json", AutoTokenizer),
        ("generation_config.json", GenerationConfig),
    ],
    "token-classification": [("tokenizer.json", AutoTokenizer)],
    "question-answering": [("tokenizer.json", AutoTokenizer)],
    "image-classification": [("preprocessor_config.json", AutoImageProcessor)],
    "object-detection": [("preprocessor_config.json", AutoImageProcessor)],
    "semantic-segmentation": [("preprocessor_config.json", AutoImageProcessor)],
    "speech-seq2seq": [
        ("tokenizer.json", AutoTokenizer),
        ("preprocessor_config.json", AutoFeatureExtractor),
        ("generation_config.json", GenerationConfig),
    ],
    "ctc": [
        ("tokenizer.json", AutoTokenizer),
        ("preprocessor_config.json", AutoFeatureExtractor),
    ],
}


def test_an_exported_folder_gets_files_that_transformers_reads(kind, task, tmp_path):
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    for name, reader in FILES[kind]:
        assert (tmp_path / name).is_file()
        read = reader.from_pretrained(tmp_path)
        if reader is AutoTokenizer:
            assert read.get_vocab() == task.tokenizer.get_vocab()
            assert read.pad_token_id == task.tokenizer.pad_token_id
        if reader is GenerationConfig:
            assert read.to_diff_dict() == task.generation.to_diff_dict()
        if reader is AutoFeatureExtractor:
            assert read.to_dict() == task.extractor.to_dict()
        if reader is AutoImageProcessor and kind == "object-detection":
            assert read.to_dict() == task.processor.to_dict()
        elif reader is AutoImageProcessor:
            size = task.spec.image_size
            read_size = read.crop_size or read.size
            assert (read_size.height, read_size.width) == (size, size)
            scaling = getattr(task, "pixels", None) or task.scaling
            assert tuple(read.image_mean) == scaling.mean
