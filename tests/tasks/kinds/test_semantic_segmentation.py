import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index
from torchmetrics.functional.segmentation import mean_iou
from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError
from zoo.recipe.spec.tasks.segmentation import MaskAugment
from zoo.tasks.build import build_task
from zoo.tasks.task import IGNORE
from zoo.tasks.vision.augment.masks import augmented_pair, resized
from zoo.tasks.vision.scaling import Scaling

KIND = "semantic-segmentation"
SCALING = Scaling((0.5,) * 3, (0.5,) * 3, 1 / 255, 2, True, True)


@pytest.fixture
def make_task(make_recipe, make_source):
    def make(task=None, rows=None, **model):
        return build_task(make_recipe(KIND, task, **model), make_source(KIND, rows))

    return make


def row_of(mask, mode=None):
    mask = Image.fromarray(np.asarray(mask, np.uint8), mode)
    return {"image": Image.new("RGB", mask.size), "mask": mask}


def read(task, mask, mode=None):
    """The classes that evaluation reads from a mask."""
    row = row_of(mask, mode)
    return task.example(row, np.random.default_rng(0), False)["mask"].tolist()


def faults_of(make, *args, **more):
    with pytest.raises(ConfigError) as found:
        make(*args, **more)
    return {(fault.key, fault.found) for fault in found.value.faults}


def test_the_loss_is_transformers_own_mean_times_the_pixels_that_are_targets(
    make_task, make_source, make_batch
):
    task = make_task()
    batch = make_batch(task, task.rows(make_source(KIND).train), training=True)
    model = AutoModelForSemanticSegmentation.from_config(task.config).eval()
    labels = batch["labels"]["labels"].long()
    theirs = model(**batch["inputs"], labels=labels.where(labels != IGNORE, 255))
    ours = task.loss({"logits": theirs.logits}, batch).detach()
    assert batch["count"] == (labels != IGNORE).sum() < labels.numel()
    assert float(ours) == pytest.approx(float(theirs.loss.detach() * batch["count"]), rel=1e-5)


def test_the_scores_are_torchmetrics_own_pixels_without_target_left_out(make_task):
    task = make_task()
    truth = torch.randint(0, 2, (3, 9, 7), generator=torch.Generator().manual_seed(0))
    truth[0, 2:5] = IGNORE  # class 2 occurs nowhere
    logits = torch.randn(3, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    logits[:, 2] = -9.0
    batch = {"labels": {"labels": truth.to(torch.int16)}}
    scores = task.score(task.tally({"logits": logits}, batch))
    seen = truth != IGNORE
    found, wanted = logits.argmax(1)[seen], truth[seen]
    each = multiclass_jaccard_index(found, wanted, 3, average="none")[:2]
    assert scores["miou"] == pytest.approx(float(each.mean()))
    assert scores["miou"] == pytest.approx(
        float(mean_iou(found[None], wanted[None], 2, input_format="index"))
    )
    assert [scores["iou/red"], scores["iou/green"]] == pytest.approx(each.tolist())
    assert np.isnan(scores["iou/blue"])
    assert scores["pixel_accuracy"] == pytest.approx(
        float(multiclass_accuracy(found, wanted, 3, average="micro"))
    )
    assert scores["mean_accuracy"] == pytest.approx(
        float(multiclass_accuracy(found, wanted, 3, average="none")[:2].mean())
    )
    assert scores["loss"] == pytest.approx(
        float(F.cross_entropy(logits, truth, ignore_index=IGNORE)), rel=1e-6
    )


def test_masks_of_different_sizes_are_scored_each_at_its_own(make_task, make_source, make_batch):
    task = make_task()
    rows = task.rows(make_source(KIND).train)
    both = make_batch(task, rows, 2)
    assert both["labels"]["sizes"].tolist() == [[20, 24], [16, 16]]
    logits = torch.randn(2, 3, 8, 8)
    whole = task.tally({"logits": logits}, both)
    alone = [
        task.tally({"logits": logits[n : n + 1]}, make_batch(task, [rows[n]], 1)) for n in range(2)
    ]
    assert torch.equal(whole["confusion"], alone[0]["confusion"] + alone[1]["confusion"])
    torch.testing.assert_close(whole["loss"], alone[0]["loss"] + alone[1]["loss"])


def test_a_mask_holds_class_ids_and_the_value_that_is_no_target(make_task):
    assert read(make_task(), [[0, 1], [2, 255]]) == [[0, 1], [2, IGNORE]]
    assert read(make_task({"ignore_label": 1}), [[0, 1]]) == [[0, IGNORE]]


def test_reduced_labels_are_one_less_and_zero_is_no_target_as_transformers_reduces(make_task):
    mask = [[0, 1], [3, 255]]
    assert read(make_task({"reduce_labels": True}), mask) == [[IGNORE, 0], [2, IGNORE]]
    theirs = SegformerImageProcessorPil(do_reduce_labels=True).reduce_label(np.array(mask))
    assert theirs.tolist() == [[255, 0], [2, 255]]


def test_a_palette_names_the_class_of_each_colour(make_task):
    palette = [[0, 0, 0], [255, 0, 0], [0, 0, 255], [224, 224, 192]]
    task = make_task({"palette": palette})
    assert read(task, [palette], "RGB") == [[0, 1, 2, IGNORE]]
    reduced = make_task({"palette": palette, "reduce_labels": True})
    assert read(reduced, [palette], "RGB") == [[IGNORE, 0, 1, 2]]
    with pytest.raises(CorruptExample, match=r"the colour \(1, 2, 3\), not in task.palette"):
        read(task, [[[1, 2, 3]]], "RGB")


def test_a_palettes_indices_and_sixteen_bits_are_ids_as_they_stand(make_task):
    task = make_task()
    indexed = Image.fromarray(np.array([[0, 2]], np.uint8)).convert("P")
    indexed.putpalette([9, 9, 9, 8, 8, 8, 7, 7, 7])
    wide = Image.fromarray(np.array([[1, 2]], np.uint16))
    for mask, wanted in ((indexed, [[0, 2]]), (wide, [[1, 2]])):
        row = {"image": Image.new("RGB", mask.size), "mask": mask}
        assert task.example(row, np.random.default_rng(0), False)["mask"].tolist() == wanted


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.full((4, 4), 7), "the value 7; classes are 0 to 2, and 255 is no target"),
        (np.full((4, 4, 3), [1, 2, 3]), "a mask of RGB"),
    ],
)
def test_a_mask_with_values_that_are_no_class_is_a_corrupt_example(mask, said, make_task):
    with pytest.raises(CorruptExample, match=said):
        read(make_task(), mask)


def test_a_mask_of_another_size_than_its_image_is_a_corrupt_example(make_task):
    row = {"image": Image.new("RGB", (5, 4)), "mask": Image.new("L", (4, 5))}
    with pytest.raises(CorruptExample, match=r"\(4, 5\) pixels for an image of \(5, 4\)"):
        make_task().example(row, np.random.default_rng(0), True)


def test_a_mask_without_a_target_is_counted(make_task, make_batch):
    task = make_task()
    batch = make_batch(task, [row_of(np.full((8, 8), 255)), row_of(np.zeros((8, 8)))], 2)
    assert batch["lost"] == {"blank_masks": 1.0}
    assert batch["count"] == 64


def pair(seed=0, height=30, width=40):
    """An image that shows its mask: class 0, 1, 2 in red, green, blue."""
    mask = np.random.default_rng(seed).integers(0, 3, (6, 8))
    mask = np.kron(mask, np.ones((height // 6, width // 8), np.int64)).astype(np.int16)
    return Image.fromarray((np.eye(3)[mask] * 255).astype(np.uint8)), mask


@pytest.mark.parametrize(
    "keys",
    [
        {"hflip": 1.0},
        {"vflip": 1.0},
        {"crop": {"ratio_range": [0.5, 2.0]}, "hflip": 0.5},
        {"affine": {"degrees": 20.0, "translate": 0.1, "scale": [0.8, 1.2]}},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_image_and_mask_move_together(keys):
    augment = MaskAugment.model_validate_json(json.dumps(keys))
    for seed in range(5):
        image, mask = augmented_pair(
            *pair(), (32, 48), augment, SCALING, np.random.default_rng(seed)
        )
        assert (image.size, mask.shape) == ((48, 32), (32, 48))
        seen = mask != IGNORE
        shown = np.asarray(image).argmax(-1)
        assert (shown == mask)[seen].mean() > 0.9
        assert set(np.unique(mask)) <= {IGNORE, 0, 1, 2}
        if (~seen).any():  # painted with what is nearest to 0 when scaled
            assert np.abs(np.asarray(image)[~seen].astype(int) - 128).mean() < 20


def test_a_piece_with_too_much_of_one_class_is_drawn_anew():
    mask = np.zeros((64, 64), np.int16)
    mask[:, :20] = 1
    image = Image.new("RGB", (64, 64))
    shares = {}
    for most in (1.0, 0.75):
        keys = {"crop": {"ratio_range": [2.5, 2.5], "cat_max_ratio": most}}
        augment = MaskAugment.model_validate_json(json.dumps(keys))
        rngs = map(np.random.default_rng, range(40))
        found = [augmented_pair(image, mask, (24, 24), augment, SCALING, rng)[1] for rng in rngs]
        shares[most] = np.mean([(piece == 0).mean() > 0.75 for piece in found])
    assert shares[0.75] < 0.5 * shares[1.0]


def test_masks_are_resized_as_pillow_picks_the_nearest():
    mask = np.arange(7 * 5, dtype=np.uint8).reshape(7, 5)
    theirs = Image.fromarray(mask).resize((8, 3), Image.Resampling.NEAREST)
    assert np.array_equal(resized(mask, 3, 8), np.asarray(theirs))


def test_the_exported_processor_gives_the_pixels_and_the_masks_of_evaluation(
    make_task, make_source, make_batch, tmp_path
):
    task = make_task({"image_size": [24, 32]})
    row = make_source(KIND).train[0]
    ours = make_batch(task, [row], 1)
    task.save(tmp_path)
    theirs = AutoImageProcessor.from_pretrained(tmp_path)(
        row["image"], row["mask"], return_tensors="pt"
    )
    torch.testing.assert_close(ours["inputs"]["pixel_values"], theirs["pixel_values"])
    mask = resized(ours["labels"]["labels"][0].numpy(), 24, 32)
    assert np.array_equal(np.where(mask == IGNORE, 255, mask), theirs["labels"][0].numpy())


def test_a_palette_with_too_few_colours_or_one_twice_is_a_fault(make_task):
    assert faults_of(make_task, {"palette": [[0, 0, 0]]}) == {("task.palette", "1 colours")}
    twice = [[0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert faults_of(make_task, {"palette": twice}) == {("task.palette", "[0, 0, 0] twice")}


def test_an_auxiliary_head_is_left_out_and_asking_for_one_is_a_fault(make_task):
    backbone = {
        "model_type": "convnext",
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 1, 1, 1],
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
    }
    upernet = {"model_type": "upernet", "backbone_config": backbone, "hidden_size": 8}
    task = make_task(config=upernet)
    model = AutoModelForSemanticSegmentation.from_config(task.config)
    assert not any(name.startswith("auxiliary") for name, _ in model.named_parameters())
    found = faults_of(make_task, config={**upernet, "use_auxiliary_head": True})
    assert found == {("model.config.use_auxiliary_head", "True")}
