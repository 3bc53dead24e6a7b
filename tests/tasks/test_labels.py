"""A pretrained head keeps its classes: ids are the checkpoint's where it knows the data's names."""

import json

import pytest

from zoo.data.rows import ListRows
from zoo.data.source import Source
from zoo.tasks.build import build_task
from zoo.tasks.labels import in_checkpoints_order

NAMES = ("neutral", "entailment", "contradiction")
TEXTS = ("so so", "yes", "no")


@pytest.fixture
def ordered(make_recipe, tmp_path):
    """The source of NAMES, in that order, as a run takes it from a checkpoint with other names."""

    def order(names, labels=None, weights=False):
        config = {"model_type": "bert"} if names is None else {"id2label": dict(enumerate(names))}
        (tmp_path / "config.json").write_text(json.dumps(config))
        place = {"weights": str(tmp_path)} if weights else {"name": str(tmp_path), "config": {}}
        recipe = make_recipe("sequence-classification", **place)
        if labels:
            data = recipe.data.model_copy(update={"labels": labels})
            recipe = recipe.model_copy(update={"data": data})
        rows = ListRows([{"text": t, "label": i} for i, t in enumerate(TEXTS)], "three")
        sets = {"valid": rows}
        return (*in_checkpoints_order(recipe, Source(rows, sets, dict(sets), NAMES)), recipe)

    return order


@pytest.mark.parametrize("weights", [False, True])
def test_classes_of_the_same_names_get_the_checkpoints_ids(ordered, weights):
    source, (line,), recipe = ordered(["Contradiction", "Neutral", "ENTAILMENT"], weights=weights)
    assert source.labels == ("contradiction", "neutral", "entailment")
    for rows in (source.train, source.valid["valid"], source.test["valid"]):
        named = {
            row["text"]: source.labels[row["label"]] for row in map(rows.__getitem__, range(3))
        }
        assert named == dict(zip(TEXTS, NAMES, strict=True))
    assert line.endswith("ids are the checkpoint's")
    if weights:
        assert build_task(recipe, source).config.id2label == dict(enumerate(source.labels))


@pytest.mark.parametrize(
    "names",
    [list(NAMES), None, ["LABEL_0", "LABEL_1", "LABEL_2"]],
    ids=["same order", "no names", "made up"],
)
def test_where_nothing_is_to_be_said_nothing_changes(ordered, names):
    source, lines, _ = ordered(names)
    assert source.labels == NAMES and lines == []
    assert source.train[1] == {"text": "yes", "label": 1}


@pytest.mark.parametrize(
    ("names", "head"),
    [(["bad", "good", "so so"], "is kept by number"), (["bad", "good"], "is filled anew")],
)
def test_other_names_are_said(ordered, names, head):
    source, (line,), _ = ordered(names)
    assert source.labels == NAMES
    assert line.startswith("the checkpoint's classes are bad, good")
    assert "the data's neutral, entailment, contradiction" in line and line.endswith(head)


def test_an_order_that_the_recipe_says_is_kept_and_said(ordered):
    source, (line,), _ = ordered(sorted(NAMES), labels=NAMES)
    assert source.labels == NAMES and line.endswith("the order of data.labels")
