"""The evaluation transform: the task's own, a checkpoint's, and what is exported of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers import AutoImageProcessor, ViTConfig

from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.vision.planes import planes_of
from zoo.tasks.vision.processor import build_pixels, shortest_edge

KIND = "image-classification"


def picture(width, height):
    shades = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(shades)


def evaluated(task, image):
    """The pixel values that evaluation gives the model."""
    example = task.example({"image": image, "label": 0}, np.random.default_rng(0), False)
    batch = task.collate([{**example, "weight": 1.0}], np.random.default_rng(0), False)
    return task.on_device(batch["inputs"])["pixel_values"]


def theirs(folder, image):
    """The pixel values of the processor that transformers finds in a folder."""
    processor = AutoImageProcessor.from_pretrained(folder)
    return processor(image, return_tensors="pt")["pixel_values"]


# Class: what its hub checkpoints say besides its defaults, made small.
PROCESSORS = {
    "ViTImageProcessor": {"size": {"height": 32, "width": 32}},
    "DeiTImageProcessor": {
        "size": {"height": 36, "width": 36},
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    },
    "ConvNextImageProcessor": {"size": {"shortest_edge": 32}, "crop_pct": 0.9},
    "BitImageProcessor": {
        "size": {"shortest_edge": 40},
        "crop_size": {"height": 32, "width": 32},
        "resample": 2,
    },
    "EfficientNetImageProcessor": {
        "size": {"height": 32, "width": 32},
        "image_std": [0.47853944, 0.4732864, 0.47434163],
        "resample": 0,
        "rescale_offset": True,
        "rescale_factor": 1 / 127.5,
    },
    "MobileViTImageProcessor": {
        "size": {"shortest_edge": 36},
        "crop_size": {"height": 32, "width": 32},
    },
    "LevitImageProcessor": {
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
    },
    "BeitImageProcessor": {
        "size": {"height": 36, "width": 36},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
    },
}


@pytest.fixture
def checkpoint(tmp_path):
    """A folder with the configuration of a ViT for 32 pixels and a processor of a class."""

    def make(kind, **changes):
        values = {**PROCESSORS.get(kind, {}), **changes}
        getattr(transformers, f"{kind}Pil")(**values).save_pretrained(tmp_path / "given")
        ViTConfig(image_size=32, patch_size=4, hidden_size=16).save_pretrained(tmp_path / "given")
        return str(tmp_path / "given")

    return make


@pytest.mark.parametrize("kind", PROCESSORS)
def test_a_named_checkpoint_is_evaluated_and_exported_with_its_own_transform(
    kind, make_recipe, make_source, checkpoint, tmp_path
):
    name = checkpoint(kind)
    task = build_task(
        make_recipe(KIND, {"image_size": 32}, name=name, config={}), make_source(KIND)
    )
    task.save(tmp_path / "out")
    task.config.save_pretrained(tmp_path / "out")
    for size in ((40, 33), (31, 57), (32, 32), (90, 120)):
        image = picture(*size)
        wanted = theirs(name, image)
        torch.testing.assert_close(evaluated(task, image), wanted, atol=1e-6, rtol=1e-5)
        assert torch.equal(theirs(tmp_path / "out", image), wanted)


@pytest.mark.parametrize("kind", PROCESSORS)
def test_training_scales_values_as_the_checkpoint_does(kind, make_recipe, make_source, checkpoint):
    task = {"image_size": 32, "augment": {"crop": {"scale": [1, 1], "ratio": [1, 1]}}}
    name = checkpoint(kind)
    task = build_task(make_recipe(KIND, task, name=name, config={}), make_source(KIND))
    image = picture(32, 32)
    example = task.example({"image": image, "label": 0}, np.random.default_rng(0), True)
    assert np.array_equal(example["image"], planes_of(image))
    batch = task.collate([{**example, "weight": 1.0}], np.random.default_rng(0), True)
    found = task.on_device(batch["inputs"])
    processor = AutoImageProcessor.from_pretrained(name)
    wanted = processor(image, do_resize=False, do_center_crop=False, return_tensors="pt")
    torch.testing.assert_close(found["pixel_values"], wanted["pixel_values"], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "colour"),
    [("DeiTImageProcessor", (124, 116, 104)), ("MobileViTImageProcessor", (0, 0, 0))],
)
def test_what_moves_in_is_painted_with_the_colour_of_0(
    kind, colour, make_recipe, make_source, checkpoint
):
    recipe = make_recipe(KIND, {"image_size": 32}, name=checkpoint(kind), config={})
    task = build_task(recipe, make_source(KIND))
    assert task.fill == colour
    painted = torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1)
    assert task.pixels.values(painted).abs().max() < 0.02


def test_at_another_size_the_transform_keeps_its_proportion(make_recipe, make_source, checkpoint):
    name = checkpoint("DeiTImageProcessor")
    recipe = make_recipe(KIND, {"image_size": 48}, name=name, config={})
    task = build_task(recipe, make_source(KIND))
    image = picture(90, 120)
    processor = AutoImageProcessor.from_pretrained(name)
    sizes = {"size": {"height": 54, "width": 54}, "crop_size": {"height": 48, "width": 48}}
    wanted = processor(image, **sizes, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(evaluated(task, image), wanted, atol=1e-6, rtol=1e-5)


def test_a_crop_ratio_of_the_recipe_comes_before_the_checkpoints(
    make_recipe, make_source, checkpoint
):
    name = checkpoint("ViTImageProcessor", image_mean=[0.1, 0.2, 0.3])
    recipe = make_recipe(KIND, {"image_size": 32, "crop_ratio": 0.8}, name=name, config={})
    task = build_task(recipe, make_source(KIND))
    image = picture(40, 50)
    middle = np.asarray(image, np.float32)[9:41, 4:36].transpose(2, 0, 1) / 255
    wanted = (middle - np.array([0.1, 0.2, 0.3])[:, None, None]) / 0.5
    found = evaluated(task, image)[0].numpy()
    assert np.abs(found - wanted).max() < 1e-5


def test_scaling_that_the_recipe_says_changes_the_checkpoints(make_recipe, make_source, checkpoint):
    name = checkpoint("ViTImageProcessor")
    processor = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    recipe = make_recipe(KIND, {"image_size": 32}, name=name, config={}, processor=processor)
    task = build_task(recipe, make_source(KIND))
    image = picture(40, 50)
    wanted = AutoImageProcessor.from_pretrained(name)(image, **processor, return_tensors="pt")
    torch.testing.assert_close(evaluated(task, image), wanted["pixel_values"])


def test_a_processor_that_makes_no_square_asks_for_a_crop_ratio(
    make_recipe, make_source, checkpoint
):
    name = checkpoint("BitImageProcessor", do_center_crop=False)
    with pytest.raises(
        ConfigError, match=r"task\.crop_ratio: found nothing, and the BitImage.*squ"
    ):
        build_task(make_recipe(KIND, {"image_size": 32}, name=name, config={}), make_source(KIND))
    recipe = make_recipe(KIND, {"image_size": 32, "crop_ratio": 1.0}, name=name, config={})
    assert evaluated(build_task(recipe, make_source(KIND)), picture(50, 40)).shape[2:] == (32, 32)


@pytest.mark.parametrize("kind", ["MobileViTImageProcessor", "EfficientNetImageProcessor"])
def test_a_crop_ratio_is_refused_where_the_checkpoint_does_more_to_values(
    kind, make_recipe, make_source, checkpoint
):
    task = {"image_size": 32, "crop_ratio": 0.9}
    with pytest.raises(ConfigError, match=rf"task\.crop_ratio: found 0\.9, and the {kind}"):
        build_task(make_recipe(KIND, task, name=checkpoint(kind), config={}), make_source(KIND))


def test_weights_whose_processor_gives_other_values_are_said(make_recipe, make_source, checkpoint):
    folder = checkpoint("BitImageProcessor", image_mean=[0.5] * 3, image_std=[0.5] * 3)
    for ratio, lines in ((0.8, 0), (1.0, 1)):
        recipe = make_recipe(KIND, {"image_size": 32, "crop_ratio": ratio}, weights=folder)
        assert len(build_task(recipe, make_source(KIND)).notes) == lines
    assert "BitImageProcessor" in build_task(recipe, make_source(KIND)).notes[0]


def test_a_processor_that_cannot_be_read_is_a_fault(make_recipe, make_source, checkpoint):
    name = checkpoint("ViTImageProcessor")
    (Path(name) / "preprocessor_config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"model\.name: found .*a name that brings a processor"):
        build_task(make_recipe(KIND, {"image_size": 32}, name=name, config={}), make_source(KIND))


@pytest.mark.parametrize(("size", "ratio", "edge"), [(224, 0.875, 256), (224, 0.9, 248)])
def test_the_shorter_edge_is_timms(size, ratio, edge):
    assert shortest_edge(size, ratio) == edge


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("crop_ratio", [0.875, 1.0])
@pytest.mark.parametrize("size", [(40, 33), (31, 57), (16, 16), (9, 8)])
def test_the_exported_processor_gives_evaluations_pixels(
    size, crop_ratio, channels, make_recipe, make_source, tmp_path
):
    recipe = make_recipe(
        KIND,
        {"crop_ratio": crop_ratio},
        config={"model_type": "vit", "patch_size": 4, "num_channels": channels},
        processor={
            "image_mean": [0.1, 0.2, 0.3][:channels],
            "image_std": [0.5, 0.6, 0.7][:channels],
        },
    )
    task = build_task(recipe, make_source(KIND))
    image = picture(*size)
    found = evaluated(task, image)
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    given = image if channels == 3 else image.convert("L")
    assert found.shape == (1, channels, 16, 16)
    torch.testing.assert_close(found, theirs(tmp_path, given), atol=1e-6, rtol=1e-5)


def test_the_familys_mean_holds_where_the_recipe_says_none(make_recipe):
    pixels, faults = build_pixels(make_recipe(KIND), "vit", 3)
    assert faults == []
    assert (pixels.mean, pixels.std, pixels.factor) == ((0.5,) * 3, (0.5,) * 3, 1 / 255)


def test_a_grey_model_takes_the_mean_of_the_means(make_recipe):
    colours, _ = build_pixels(make_recipe(KIND), "clip", 3)
    grey, faults = build_pixels(make_recipe(KIND), "clip", 1)
    assert faults == []
    assert len(set(colours.mean)) == len(set(colours.std)) == 3
    assert grey.mean == (pytest.approx(sum(colours.mean) / 3),)
    assert grey.std == (pytest.approx(sum(colours.std) / 3),)
    assert (colours.mode, grey.mode) == ("RGB", "L")


def test_all_faults_of_sizes_and_processor_come_at_once(make_recipe, make_source):
    recipe = make_recipe(
        KIND,
        {"image_size": 18, "eval_image_size": 32},
        processor={"image_mean": [0.5], "size": 224},
    )
    with pytest.raises(ConfigError) as caught:
        build_task(recipe, make_source(KIND))
    assert [fault.key for fault in caught.value.faults] == [
        "task.eval_image_size",
        "task.image_size",
        "model.processor.image_mean",
        "model.processor.size",
    ]


def test_a_convolutional_model_may_be_evaluated_at_another_size(
    make_recipe, make_source, make_batch
):
    config = {
        "model_type": "resnet",
        "embedding_size": 8,
        "hidden_sizes": [8],
        "depths": [1],
        "layer_type": "basic",
    }
    recipe = make_recipe(KIND, {"eval_image_size": 24}, config=config)
    task = build_task(recipe, make_source(KIND))
    sizes = [
        make_batch(task, make_source(KIND).train, training=training)["inputs"]["pixel_values"].shape
        for training in (True, False)
    ]
    assert sizes == [(4, 3, 16, 16), (4, 3, 24, 24)]
