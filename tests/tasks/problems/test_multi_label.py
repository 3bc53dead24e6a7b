"""Several classes a row: the loss and the scores are those of the libraries that name them."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.build import build_task, head_class

KINDS = ("sequence-classification", "image-classification")
LABELS = [(0, 2), (), (1,), (2,), (0, 1, 2), (1,)]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def made(kind, make_recipe, make_source):
    """The recipe, its task, and rows with LABELS."""
    plain = make_source(kind).train
    rows = [plain[i] | {"label": label} for i, label in enumerate(LABELS)]
    recipe = make_recipe(kind, {"problem": "multi-label"})
    source = make_source(kind, rows)
    return recipe, build_task(recipe, source), source.train


def test_the_mean_loss_is_that_of_transformers(made, kind, make_batch):
    _, task, rows = made
    batch = make_batch(task, rows, 6)
    torch.manual_seed(0)
    model = head_class(kind).from_config(task.config).eval()
    assert task.config.problem_type == "multi_label_classification"
    theirs = model(**batch["inputs"], labels=batch["labels"]["labels"])
    ours = task.loss({"logits": theirs.logits}, batch) / batch["count"].float()
    torch.testing.assert_close(ours, theirs.loss)
    assert float(batch["count"]) == 6 * 3


def test_scores_are_scikit_learns_over_batches_with_padding(made, make_batch):
    recipe, task, rows = made
    torch.manual_seed(1)
    logits = torch.randn(6, 3)
    whole = make_batch(task, rows, 6)
    truth = whole["labels"]["labels"]
    batch = make_batch(task, rows, 6, padding=2)
    noise = torch.cat([logits[:4], torch.randn(2, 3)])
    totals = task.tally({"logits": noise}, batch)
    records = task.records({"logits": noise}, batch)
    kept = {name: list(value[:4].numpy()) for name, value in records.items()}
    scores, named = task.score(totals, kept), logits[:4] >= 0
    assert set(scores) == set(kind_of(recipe.task).scores)
    for way in ("micro", "macro"):
        wanted = metrics.f1_score(truth[:4], named, average=way, zero_division=0)
        assert scores[f"{way}_f1"] == pytest.approx(wanted)
    assert scores["exact"] == pytest.approx(metrics.accuracy_score(truth[:4], named))
    precision = metrics.average_precision_score(truth[:4], logits[:4], average="macro")
    assert scores["mean_ap"] == pytest.approx(precision)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits[:4], truth[:4])
    assert scores["loss"] == pytest.approx(plain.item(), rel=1e-6)


def test_a_class_that_no_row_holds_has_no_precision_and_an_f1_of_0(made, make_batch):
    _, task, rows = made
    few = [rows[2], rows[5]]  # class 1 alone
    batch = make_batch(task, few, 2)
    logits = torch.tensor([[-1.0, 3.0, -1.0], [-1.0, 2.0, -1.0]])
    records = task.records({"logits": logits}, batch)
    scores = task.score(
        task.tally({"logits": logits}, batch), {k: list(v.numpy()) for k, v in records.items()}
    )
    assert scores["mean_ap"] == 1.0
    assert scores["macro_f1"] == pytest.approx(1 / 3)
    assert scores["exact"] == 1.0


def test_mixed_images_have_shares_of_both_labels(make_recipe, make_source, make_batch):
    kind = "image-classification"
    plain = make_source(kind).train
    rows = [plain[i] | {"label": label} for i, label in enumerate(LABELS)]
    task_keys = {"problem": "multi-label", "augment": {"mixup": 0.5}}
    task = build_task(make_recipe(kind, task_keys), make_source(kind, rows))
    batch = make_batch(task, rows, 4, training=True)
    logits = torch.randn(4, 3)
    held, partner, share = (batch["labels"][n] for n in ("labels", "partner", "share"))
    soft = share[:, None] * held + (1 - share[:, None]) * partner
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, soft, reduction="sum")
    torch.testing.assert_close(task.loss({"logits": logits}, batch), wanted)
    assert float(batch["count"]) == pytest.approx(12)


def test_an_example_of_weight_zero_changes_no_sum(made, make_batch):
    _, task, rows = made
    batch = make_batch(task, rows, 4, padding=1)
    logits = torch.randn(4, 3)
    changed = torch.cat([logits[:3], logits[3:] + 5])
    first, second = (task.tally({"logits": one}, batch) for one in (logits, changed))
    for name, total in first.items():
        assert total.dtype == torch.float64
        assert np.allclose(total, second[name]), name
    assert task.loss({"logits": logits}, batch) == task.loss({"logits": changed}, batch)
