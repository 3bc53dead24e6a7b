import math
import random

import jiwer
import numpy as np
import pytest
import torch
import torchmetrics.functional as reference
from sklearn import metrics

from zoo.tasks.scores import (
    accuracy,
    bits,
    confusion,
    edits,
    f1,
    macro_f1,
    matthews,
    perplexity,
    ratio,
    text_edits,
)


@pytest.fixture
def answers():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 5, 200)
    return labels, np.where(rng.random(200) < 0.6, labels, rng.integers(0, 4, 200))


def matrix_of(labels, predictions, classes=5):
    labels, predictions = torch.tensor(labels), torch.tensor(predictions)
    return confusion(predictions, labels, torch.ones(len(labels)), classes)


def test_classification_scores_equal_scikit_learns(answers):
    matrix = matrix_of(*answers)
    assert accuracy(matrix) == pytest.approx(metrics.accuracy_score(*answers))
    assert macro_f1(matrix) == pytest.approx(metrics.f1_score(*answers, average="macro"))
    assert matthews(matrix) == pytest.approx(metrics.matthews_corrcoef(*answers))


def test_classification_scores_equal_torchmetrics(answers):
    labels, predictions = map(torch.tensor, answers)
    matrix = matrix_of(*answers)
    multiclass = {"task": "multiclass", "num_classes": 5}
    assert matthews(matrix) == pytest.approx(
        float(reference.matthews_corrcoef(predictions, labels, **multiclass)), rel=1e-5
    )
    assert accuracy(matrix) == pytest.approx(
        float(reference.accuracy(predictions, labels, **multiclass)), rel=1e-5
    )


def test_f1_of_two_classes_equals_scikit_learns():
    labels, predictions = np.random.default_rng(5).integers(0, 2, (2, 90))
    for truth, found in ((labels, predictions), (labels, 0 * labels), (0 * labels, 0 * labels)):
        wanted = metrics.f1_score(truth, found, zero_division=0)
        assert f1(matrix_of(truth, found, 2)) == pytest.approx(wanted)


def test_classification_scores_of_a_matrix_worked_by_hand():
    matrix = torch.tensor([[2.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    assert accuracy(matrix) == 0.75
    assert macro_f1(matrix) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert matthews(matrix) == pytest.approx(2 / math.sqrt(12))


def test_a_class_that_never_occurs_has_no_part_in_macro_f1():
    matrix = torch.zeros(3, 3, dtype=torch.float64)
    matrix[0, 0] = matrix[1, 1] = 1
    assert macro_f1(matrix) == 1.0


def test_matthews_is_zero_when_every_answer_is_the_same():
    assert matthews(torch.tensor([[3.0, 0.0], [2.0, 0.0]], dtype=torch.float64)) == 0.0


def test_confusion_leaves_out_what_weighs_nothing():
    found = confusion(torch.tensor([1, 0]), torch.tensor([1, 1]), torch.tensor([1.0, 0.0]), 2)
    assert found.tolist() == [[0.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("seed", range(5))
def test_error_rates_equal_jiwers(seed):
    draw = random.Random(seed)
    letters = "ab c"
    pairs = []
    while len(pairs) < 20:
        pair = ["".join(draw.choices(letters, k=12)).split() for _ in range(2)]
        if pair[0]:
            pairs.append([" ".join(words) for words in pair])
    wanted, found = map(list, zip(*pairs, strict=True))
    sums = [text_edits(f, w) for f, w in zip(found, wanted, strict=True)]
    total = {key: sum(part[key] for part in sums) for key in sums[0]}
    assert total["word_edits"] / total["words"] == pytest.approx(jiwer.wer(wanted, found))
    assert total["character_edits"] / total["characters"] == pytest.approx(jiwer.cer(wanted, found))


@pytest.mark.parametrize(
    ("found", "wanted", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("", "", 0)],
)
def test_edits_worked_by_hand(found, wanted, distance):
    assert edits(found, wanted) == distance


def test_bits_and_perplexity_worked_by_hand():
    assert bits(8 * math.log(2), 4.0) == pytest.approx(2.0)
    assert perplexity(math.log(7)) == pytest.approx(7.0)
    assert perplexity(1e6) == math.inf
    assert math.isnan(ratio(1.0, 0.0))
