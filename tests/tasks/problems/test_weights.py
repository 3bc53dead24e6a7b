"""What classes weigh: the loss is torch's weighted cross entropy, divided by the sum of weights."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from zoo.data.joined import Mixed
from zoo.data.rows import CorruptExample, ListRows
from zoo.data.source import Source
from zoo.errors import ConfigError
from zoo.recipe.spec.data import MixtureData
from zoo.tasks.build import build_task
from zoo.tasks.problems.weights import class_weights

KIND = "sequence-classification"
WEIGHTS = [0.5, 2.0, 4.0]


@pytest.mark.parametrize("said", [WEIGHTS, {"red": 0.5, "green": 2.0, "blue": 4.0}])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_over_its_count_is_torchs(said, smoothing, make_recipe, make_source, make_batch):
    keys = {"class_weights": said, "label_smoothing": smoothing}
    task = build_task(make_recipe(KIND, keys), make_source(KIND))
    batches = [make_batch(task, make_source(KIND).train, size, 1) for size in (3, 5)]
    torch.manual_seed(0)
    logits = [torch.randn(size, 3) for size in (3, 5)]
    losses = [task.loss({"logits": one}, b) for one, b in zip(logits, batches, strict=True)]
    ours = sum(losses) / sum(batch["count"] for batch in batches)
    kept = torch.cat([one[:-1] for one in logits])  # the last of each is padding
    labels = torch.cat([batch["labels"]["labels"][:-1] for batch in batches])
    wanted = F.cross_entropy(kept, labels, torch.tensor(WEIGHTS), label_smoothing=smoothing)
    torch.testing.assert_close(ours.float(), wanted)


def test_evaluation_weighs_all_alike(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND, {"class_weights": WEIGHTS}), make_source(KIND))
    batch, logits = make_batch(task, make_source(KIND).train, 4), torch.randn(4, 3)
    tally = task.tally({"logits": logits}, batch)
    plain = F.cross_entropy(logits, batch["labels"]["labels"], reduction="sum")
    torch.testing.assert_close(tally["loss"].float(), plain)
    assert tally["count"] == 4


def test_a_mixed_image_weighs_shares_of_both_classes(make_recipe, make_source, make_batch):
    kind, keys = "image-classification", {"class_weights": WEIGHTS, "augment": {"mixup": 0.5}}
    task = build_task(make_recipe(kind, keys), make_source(kind))
    labels = make_batch(task, make_source(kind).train, 4, training=True)
    weights, labels, count = torch.tensor(WEIGHTS), labels["labels"], labels["count"]
    share = labels["share"]
    wanted = share * weights[labels["labels"]] + (1 - share) * weights[labels["partner"]]
    torch.testing.assert_close(count.float(), wanted.sum())


class Torn(ListRows):
    """Rows whose first is corrupt."""

    def __getitem__(self, index):
        if index == 0:
            raise CorruptExample("torn")
        return super().__getitem__(index)


def test_balanced_weights_are_scikit_learns_of_the_rows_that_can_be_read(make_recipe):
    labels = [2, 0, 0, 0, 1, 1, 2, 0]
    rows = [{"text": f"the {label}", "label": label} for label in labels]
    source = Source(Torn(rows, "torn"), {}, {}, ("red", "green", "blue", "none"))
    task = build_task(make_recipe(KIND, {"class_weights": "balanced"}), source)
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=labels[1:])
    # scikit-learn divides by the classes that it sees: three of four
    assert task.problem.weights[:3].tolist() == pytest.approx((wanted * 3 / 4).tolist())
    assert task.problem.weights[3] == 0


def test_balanced_weights_of_a_mixture_are_those_of_its_batches(make_recipe):
    few = ListRows([{"text": "the red", "label": 0}] * 10, "few")
    many = ListRows([{"text": "the blue", "label": 1}] * 90, "many")
    source = Source(Mixed({"few": few, "many": many}), {}, {}, ("red", "blue"))
    part = {"source": "built-in", "name": "stdlib-keywords"}
    parts = {name: {"data": part, "weight": weight} for name, weight in (("few", 3), ("many", 1))}
    recipe = make_recipe(KIND, {"class_weights": "balanced"})
    data = MixtureData.model_validate({"source": "mixture", "parts": parts})
    data = data.model_copy(update={"cache": recipe.data.cache})
    weights = class_weights(recipe.model_copy(update={"data": data}), source)
    assert weights.tolist() == pytest.approx([1 / 1.5, 1 / 0.5])


def test_weights_of_no_class_are_faults(make_recipe, make_source):
    with pytest.raises(ConfigError) as caught:
        build_task(make_recipe(KIND, {"class_weights": {"grean": 2.0}}), make_source(KIND))
    [fault] = caught.value.faults
    assert (fault.key, fault.nearest) == ("task.class_weights.grean", "green")
    with pytest.raises(ConfigError, match="found 2 weights; allowed: 3, one a class"):
        build_task(make_recipe(KIND, {"class_weights": [1.0, 2.0]}), make_source(KIND))
