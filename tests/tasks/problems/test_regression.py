"""Numbers of a row: squared errors as transformers has them, correlations as scipy has them."""

import numpy as np
import pytest
import torch
from scipy import stats

from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError
from zoo.recipe.vocabulary.kinds import kind_of
from zoo.tasks.build import build_task, head_class
from zoo.tasks.problems.regression import pearson, spearman

KINDS = ("sequence-classification", "image-classification")


@pytest.fixture
def made(make_recipe, make_source):
    """made(kind, labels): the recipe, its task, and rows with these labels."""

    def make(kind, labels):
        plain = make_source(kind).train
        rows = [plain[i] | {"label": label} for i, label in enumerate(labels)]
        recipe = make_recipe(kind, {"problem": "regression"})
        source = make_source(kind, rows)
        return recipe, build_task(recipe, source), source.train

    return make


@pytest.mark.parametrize("labels", [[1.5, -2, 0.25, 7], [(1, 2), (3, 4), (0, -1), (5, 5)]])
@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_loss_is_that_of_transformers(made, kind, labels, make_batch):
    _, task, rows = made(kind, labels)
    batch = make_batch(task, rows, 4)
    outputs = np.asarray(labels).reshape(4, -1).shape[1]
    assert (task.config.problem_type, task.config.num_labels) == ("regression", outputs)
    torch.manual_seed(0)
    model = head_class(kind).from_config(task.config).eval()
    theirs = model(**batch["inputs"], labels=batch["labels"]["labels"])
    ours = task.loss({"logits": theirs.logits}, batch) / batch["count"].float()
    torch.testing.assert_close(ours, theirs.loss)


def test_scores_are_those_of_the_libraries(made, make_batch):
    recipe, task, rows = made(KINDS[0], [1.5, -2, 0.25, 7])
    batch = make_batch(task, rows, 4)
    logits = torch.tensor([[1.0], [0.5], [0.75], [3.0]])
    records = task.records({"logits": logits}, batch)
    kept = {name: list(value.numpy()) for name, value in records.items()}
    scores = task.score(task.tally({"logits": logits}, batch), kept)
    assert set(scores) == set(kind_of(recipe.task).scores)
    wrong = logits[:, 0].numpy() - np.array([1.5, -2, 0.25, 7])
    assert scores["mse"] == scores["loss"] == pytest.approx(np.square(wrong).mean())
    assert scores["mae"] == pytest.approx(np.abs(wrong).mean())
    assert scores["pearson"] == pytest.approx(stats.pearsonr(logits[:, 0], [1.5, -2, 0.25, 7])[0])
    assert scores["spearman"] == pytest.approx(stats.spearmanr(logits[:, 0], [1.5, -2, 0.25, 7])[0])


@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_scipys_with_ties(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 5, (2, 30)).astype(float)
    assert pearson(one, other) == pytest.approx(stats.pearsonr(one, other)[0])
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other)[0])
    assert np.isnan(pearson(one, np.ones(30)))


def test_a_row_without_as_many_numbers_is_corrupt(made):
    _, task, rows = made(KINDS[0], [(1, 2), (3, 4)])
    for label, why in [((1,), "1 numbers"), ("x", "no number"), ((1, float("nan")), "no number")]:
        with pytest.raises(CorruptExample, match=why):
            task.example(rows[0] | {"label": label}, None, False)


def test_labels_that_are_no_numbers_are_a_fault(made):
    with pytest.raises(ConfigError) as caught:
        made(KINDS[0], ["red", "green"])
    assert [fault.key for fault in caught.value.faults] == ["data.columns.label"]
