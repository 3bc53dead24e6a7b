"""Detection: sums over boxes, micro-batches without any, what is scored and what is exported."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import PartialState
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from zoo.data.builtin.shapes import ShapeRows
from zoo.data.loading.loader import eval_batches
from zoo.data.objects import Objects
from zoo.data.rows import CorruptExample, Subset
from zoo.engines.engine import entries, moved
from zoo.engines.transforms import meta_model
from zoo.errors import ConfigError
from zoo.layout import Place
from zoo.models.fill import NoWeights, fill
from zoo.recipe import load_recipe
from zoo.tasks.build import build_task
from zoo.training.scoring import added, gathered
from zoo.training.world import Here

KIND = "object-detection"
BACKBONE = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 8],
    "depths": [1, 1],
    "layer_type": "basic",
    "out_features": ["stage2"],
}
DETR = {
    "model_type": "detr",
    "backbone_config": BACKBONE,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "num_queries": 6,
    "dropout": 0.0,
    "auxiliary_loss": True,
}
ROWS = ShapeRows("train", frozenset({"image", "objects"}))


def model_of(recipe, task):
    """The recipe's model with its initial values, as a run has it."""
    model = meta_model(recipe, task)
    fill(model, 0, NoWeights(), torch.device("cpu"))
    return model


def boxless(row):
    return {**row, "objects": Objects.of([], [])}


@pytest.fixture
def made(make_recipe, make_source):
    """made(task's keys, **model's): (recipe, task, model)."""

    def make(task=None, **model):
        recipe = make_recipe(KIND, task, **model)
        found = build_task(recipe, make_source(KIND))
        return recipe, found, model_of(recipe, found)

    return make


def test_sums_of_micro_batches_add_up_without_noisy_copies(made, make_batch, make_recipe):
    config = make_recipe(KIND).model.config | {"num_denoising": 0}
    _, task, model = made(config=config)
    model.eval()
    parts = [make_batch(task, [ROWS[i] for i in some], len(some)) for some in ((0, 1), (2, 3, 4))]
    whole = make_batch(task, ROWS, 5)
    sums = [task.loss(model(**one["inputs"]), one) for one in (*parts, whole)]
    torch.testing.assert_close(sums[0] + sums[1], sums[2])
    assert parts[0]["count"] + parts[1]["count"] == whole["count"]
    assert whole["count"] == sum(len(ROWS[i]["objects"].classes) for i in range(5))


def test_examples_of_weight_zero_are_not_in_the_batch(made, make_batch):
    _, task, model = made()
    padded, plain = make_batch(task, ROWS, 4, padding=2), make_batch(task, ROWS, 2)
    for name in ("inputs", "count"):
        torch.testing.assert_close(padded[name], plain[name], rtol=0, atol=0)
    model.eval()
    records = task.records(model(**padded["inputs"]), padded)
    assert [len(one["scores"]) for one in records["found"]] == [
        18,
        18,
        0,
        0,
    ]  # 6 queries, 3 classes


@pytest.mark.parametrize("padding", [0, 2])
def test_a_micro_batch_without_boxes_teaches_nothing_through_the_same_graph(
    made, make_batch, padding
):
    _, task, model = made()
    full = make_batch(task, ROWS, 2, training=True)
    rows = [boxless(ROWS[0]), boxless(ROWS[1])]
    empty = make_batch(task, rows, 2, padding=padding, training=True)
    reached = []
    for batch in (full, empty):
        model.zero_grad(set_to_none=True)
        loss = task.loss(model(**batch["inputs"]), batch)
        loss.backward()
        reached.append({n for n, p in model.named_parameters() if p.grad is not None})
    assert reached[0] == reached[1]
    assert (float(empty["count"]), loss.item()) == (0, 0)
    assert not any(p.grad.any() for p in model.parameters() if p.grad is not None)
    assert empty["lost"]["boxless"] == 2 - padding


def test_an_image_without_boxes_is_background_beside_others(made, make_batch):
    _, task, model = made()
    rows = [ROWS[0], boxless(ROWS[1])]
    both = make_batch(task, rows, 2, training=True)
    assert len(both["inputs"]["pixel_values"]) == 2
    assert both["count"] == len(ROWS[0]["objects"].classes)
    assert both["lost"]["boxless"] == 0
    assert task.loss(model(**both["inputs"]), both).item() > 0


def test_the_loss_is_of_this_process_alone_whoever_made_an_accelerate_state(made, make_batch):
    _, task, model = made(config=DETR)
    model.eval()
    batch = make_batch(task, ROWS, 3)
    before = task.loss(model(**batch["inputs"]), batch)
    try:
        PartialState(cpu=True)
        PartialState._shared_state["num_processes"] = 2  # as if another rank were there
        after = task.loss(model(**batch["inputs"]), batch)
        assert PartialState().num_processes == 2
    finally:
        PartialState._reset_state()
    torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_a_loss_inside_of_a_model_of_half_precision_is_computed_in_fp32(made):
    _, task, model = made(config=DETR)
    rng = np.random.default_rng(0)
    examples = [task.example(ROWS[index], rng, False) | {"weight": 1.0} for index in range(3)]
    handed_over = task.collate(examples, rng, False)
    batch = moved(handed_over, torch.device("cpu"), torch.bfloat16, task)
    outputs = model.bfloat16().eval()(**batch["inputs"])
    assert outputs["logits"].dtype == torch.bfloat16
    assert outputs["loss"].dtype == batch["inputs"]["labels"][0]["boxes"].dtype == torch.float32


def test_noisy_copies_of_boxes_are_learnt_from_in_fp32(make_recipe, make_source):
    recipe = make_recipe(KIND)
    half = recipe.model_copy(update={"run": recipe.run.model_copy(update={"precision": "bf16"})})
    with pytest.raises(ConfigError, match=r"run.precision: found bf16; allowed: fp32"):
        build_task(half, make_source(KIND))


def test_evaluation_sees_what_the_exported_processor_gives(made, make_batch, tmp_path):
    _, task, _ = made({"image_size": [32, 48]})
    task.save(tmp_path)
    processor = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    images = [ROWS[index]["image"] for index in range(2)]
    theirs = processor(images, return_tensors="pt")["pixel_values"]
    ours = make_batch(task, ROWS, 2)["inputs"]["pixel_values"]
    assert ours.shape == (2, 3, 32, 48)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_images_keep_their_proportions_and_are_padded_with_a_longest_edge(made, make_batch):
    _, task, _ = made({"image_size": 32, "longest_edge": 48}, config=DETR)
    rows = [ROWS[0], {**ROWS[1], "image": ROWS[1]["image"].resize((128, 64))}]
    inputs = make_batch(task, rows, 2)["inputs"]
    theirs = task.processor([row["image"] for row in rows], return_tensors="pt")
    torch.testing.assert_close(inputs["pixel_values"], theirs["pixel_values"], rtol=0, atol=1e-6)
    assert inputs["pixel_values"].shape == (2, 3, 32, 48)
    assert inputs["pixel_mask"].sum((1, 2)).tolist() == [32 * 32, 24 * 48]


def test_a_micro_batch_has_one_of_the_sizes_and_evaluation_its_own(made, make_batch):
    _, task, _ = made({"augment": {"sizes": [16, 24]}})
    examples = [task.example(ROWS[0], np.random.default_rng(0), True) | {"weight": 1.0}]
    sides = {
        task.collate(examples, np.random.default_rng(seed), True)["inputs"]["pixel_values"].shape[
            -1
        ]
        for seed in range(8)
    }
    assert sides == {16, 24}
    assert make_batch(task, ROWS, 1)["inputs"]["pixel_values"].shape[-1] == 32


def test_sizes_that_the_maps_of_a_hybrid_encoder_do_not_fit_are_faults(made):
    with pytest.raises(ConfigError) as caught:
        made({"image_size": 36, "augment": {"sizes": [32, 44]}})
    assert [(fault.key, fault.found) for fault in caught.value.faults] == [
        ("task.image_size", "36 x 36"),
        ("task.augment.sizes", "44 x 44"),
    ]
    with pytest.raises(ConfigError, match=r"task.longest_edge: found 64"):
        made({"longest_edge": 64})
    with pytest.raises(
        ConfigError, match=r"task.image_size: found \[32, 48\]; allowed: one number"
    ):
        made({"image_size": [32, 48], "longest_edge": 64}, config=DETR)


def test_boxes_are_cut_at_the_image_and_those_beside_it_are_counted(made):
    _, task, _ = made()
    boxes = [[10, 10, 20, 20], [50, 50, 40, 40], [70, 10, 5, 5], [10, 10, 0, 9]]
    row = {**ROWS[0], "objects": Objects.of(boxes, [0, 1, 2, 0])}
    example = task.example(row, np.random.default_rng(0), False)
    assert example["objects"].corners.tolist() == [[10, 10, 30, 30], [50, 50, 64, 64]]
    assert example["lost"] == {"broken": True, "clipped": True}
    row = {**ROWS[0], "objects": Objects.of([[0, 0, np.nan, 4]], [0])}
    with pytest.raises(CorruptExample, match="no number"):
        task.example(row, np.random.default_rng(0), False)


def test_crowds_are_scored_and_not_learnt(made, make_batch):
    _, task, _ = made()
    count = len(ROWS[0]["objects"].classes)
    objects = replace(ROWS[0]["objects"], crowd=np.ones(count, dtype=bool))
    batch = make_batch(task, [{**ROWS[0], "objects": objects}, ROWS[1]], 2)
    assert len(batch["inputs"]["labels"][0]["class_labels"]) == 0
    assert batch["labels"]["truth"][0]["crowd"].all()


def test_perfect_detections_score_one_in_pixels_of_the_original(made, make_batch):
    _, task, model = made({"image_size": [32, 48]})
    batch = make_batch(task, ROWS, 4)
    outputs = model.eval()(**batch["inputs"])
    logits = torch.full_like(outputs["logits"], -9.0)
    boxes = torch.full_like(outputs["pred_boxes"], 0.5)
    for image, one in enumerate(batch["inputs"]["labels"]):
        for query, (number, box) in enumerate(zip(one["class_labels"], one["boxes"], strict=True)):
            logits[image, query, number], boxes[image, query] = 9.0, box
    outputs = {**outputs, "logits": logits, "pred_boxes": boxes}
    records = task.records(outputs, batch)
    scores = task.score(task.tally(outputs, batch), records)
    assert (scores["map"], scores["map_75"], scores["map_small"]) == (1.0, 1.0, 1.0)
    assert np.isnan(scores["map_large"])
    corners = records["found"][0]["boxes"][0]
    left, top, width, height = ROWS[0]["objects"].boxes[0]
    assert (
        np.abs(records["found"][0]["boxes"] - [left, top, left + width, top + height]).sum(1).min()
        < 1e-3
    ), corners


def guessed(outputs, targets):
    """What is there, a tenth too wide, and always named a square."""
    logits = torch.full_like(outputs["logits"], -9.0)
    boxes = outputs["pred_boxes"].clone()
    for image, one in enumerate(targets):
        count = len(one["boxes"])
        boxes[image, :count] = one["boxes"] * torch.tensor([1.0, 1.0, 1.1, 1.0])
        logits[image, :count, 0] = 1.0
    return {**outputs, "logits": logits, "pred_boxes": boxes}


def test_the_score_of_a_set_is_the_same_on_two_ranks_that_pad_it(made):
    _, task, model = made()
    rows, model = Subset(ROWS, np.arange(5)), model.eval()

    def scored(ranks):
        totals, records = {}, []
        for rank in range(ranks):
            for batch in eval_batches(rows, task.example, task.collate, 2, rank, ranks, 0, 0):
                batch["inputs"] = task.on_device(batch["inputs"])
                outputs = guessed(task.predict(model, batch), batch["inputs"]["labels"])
                totals = added(totals, task.tally(outputs, batch))
                records += entries(task.records(outputs, batch), batch)
        return task.score(totals, gathered(records, Here(Place(), torch.device("cpu"))))

    with torch.no_grad():
        one, two = scored(1), scored(2)
    assert one == pytest.approx(two, rel=1e-6, nan_ok=True)
    assert 0.1 < one["map"] < 0.9


def test_there_may_be_one_class(make_recipe, make_source):
    source = replace(make_source(KIND, [ROWS[0]]), labels=("cell",))
    task = build_task(make_recipe(KIND), source)
    assert (task.config.num_labels, task.config.id2label) == (1, {0: "cell"})
    words = ['data.labels=["cell"]']
    assert load_recipe("rt-detr-mini-bccd", words).data.labels == ("cell",)


def test_softmax_families_leave_no_object_out(made, make_batch):
    _, task, model = made(config=DETR)
    batch = make_batch(task, ROWS, 2)
    outputs = model.eval()(**batch["inputs"])
    assert outputs["logits"].shape[-1] == 4
    logits = torch.zeros_like(outputs["logits"])
    logits[..., 3] = 20.0
    found = task.records({**outputs, "logits": logits}, batch)["found"]
    assert max(one["scores"].max() for one in found) < 1e-6
    assert all(len(one["scores"]) == 6 for one in found)


def test_a_detector_is_loaded_again_by_transformers_with_the_same_outputs(
    made, make_batch, tmp_path
):
    _, task, model = made()
    model.eval().save_pretrained(tmp_path)
    again = AutoModelForObjectDetection.from_pretrained(tmp_path).eval()
    inputs = make_batch(task, ROWS, 2)["inputs"]
    with torch.no_grad():
        ours, theirs = model(**inputs), again(pixel_values=inputs["pixel_values"])
    assert torch.equal(ours["logits"], theirs["logits"])
    assert torch.equal(ours["pred_boxes"], theirs["pred_boxes"])
