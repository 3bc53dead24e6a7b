import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.vision.processor import build_pixels

KIND = "image-classification"


def picture(width, height):
    shades = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(shades)


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
    example = task.example({"image": image, "label": 0}, np.random.default_rng(0), False)
    batch = task.collate([{**example, "weight": 1.0}], np.random.default_rng(0), False)
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    given = image if channels == 3 else image.convert("L")
    wanted = processor(given, return_tensors="pt")["pixel_values"]
    assert batch["inputs"]["pixel_values"].shape == (1, channels, 16, 16)
    torch.testing.assert_close(batch["inputs"]["pixel_values"], wanted, atol=1e-6, rtol=1e-5)


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


def test_a_names_processor_says_the_scaling(make_recipe, make_source, tmp_path):
    processor = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    task = build_task(make_recipe(KIND, processor=processor), make_source(KIND))
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    pixels, _ = build_pixels(make_recipe(KIND, name=str(tmp_path), config={}), "vit", 3)
    assert (pixels.mean, pixels.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


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
