"""Segmentation on its whole way: trained on ranks, scored, exported, scored alike without us."""

from pathlib import Path

import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index
from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

from tests.ranks import run_ranks
from tests.runs import SHORT, train, twin
from zoo.data.builtin.shapes import ShapeRows
from zoo.training.evaluate import evaluate

EVERY = [word for word in SHORT if "max_valid_examples" not in word]
PADDED = "run.eval_micro_batch=30"  # of 200 images: the last micro-batch is not full


def by_transformers(folder: Path) -> dict[str, float]:
    """The scores of an exported folder on the validation images, without the zoo's code."""
    model = AutoModelForSemanticSegmentation.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    rows = ShapeRows("validation", frozenset({"image", "mask"}))
    chosen = [rows[number] for number in range(len(rows))]
    images, masks = [row["image"] for row in chosen], [row["mask"] for row in chosen]
    inputs = processor(images, masks, return_tensors="pt")
    with torch.no_grad():
        outputs = model(inputs["pixel_values"], labels=inputs["labels"])
    sizes = [image.size[::-1] for image in images]
    found = torch.stack(processor.post_process_semantic_segmentation(outputs, sizes))
    each = multiclass_jaccard_index(found, inputs["labels"], 4, average="none")
    return {
        "miou": float(each.mean()),
        "loss": float(outputs.loss),
        "pixel_accuracy": float((found == inputs["labels"]).float().mean()),
        **{f"iou/{model.config.id2label[number]}": float(one) for number, one in enumerate(each)},
    }


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_two_ranks_one_process_and_plain_transformers_give_the_same_scores(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = [*EVERY, PADDED, "run.steps=60", "run.eval_every=60", "parallel.zero.stage=2"]
    found = train(2, twin("semantic-segmentation"), folder, *words)
    trained = next(row for row in found if "valid/miou" in row)
    alone = run_ranks(1, evaluate, folder / "model", "valid", [PADDED])[0]
    assert {key: trained[key] for key in alone} == pytest.approx(alone, rel=1e-5)
    theirs = by_transformers(folder / "model")
    assert {name: alone[f"valid/{name}"] for name in theirs} == pytest.approx(theirs, rel=1e-5)
    assert 0.2 < alone["valid/miou"] < 1
