import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import top_k_accuracy_score

from zoo.data.source import Source
from zoo.engines.engine import moved
from zoo.errors import ConfigError
from zoo.recipe.spec.tasks.vision import Affine, Crop, ImageAugment
from zoo.tasks.build import build_task
from zoo.tasks.vision.augment.images import augmented_image, box_of, resized_crop
from zoo.tasks.vision.planes import planes_of

KIND = "image-classification"
LUMA = np.array([0.299, 0.587, 0.114])


def test_top_1_and_top_5_are_scikit_learns(make_recipe, make_source, make_batch):
    rows = make_source(KIND).train
    source = Source(rows, {"valid": rows}, {}, tuple("abcdefgh"))
    task = build_task(make_recipe(KIND), source)
    batch = make_batch(task, rows, 8)
    torch.manual_seed(0)
    logits = torch.randn(8, 8)
    scores = task.score(task.tally({"logits": logits}, batch))
    labels = batch["labels"]["labels"]
    for k in (1, 5):
        wanted = top_k_accuracy_score(labels, logits, k=k, labels=range(8))
        assert scores[f"top_{k}"] == pytest.approx(wanted)
    assert scores["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)


def test_with_fewer_than_five_classes_top_5_is_all(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND), make_source(KIND))
    batch = make_batch(task, make_source(KIND).train)
    assert task.score(task.tally({"logits": torch.randn(4, 3)}, batch))["top_5"] == 1.0


@pytest.mark.parametrize("how", ["mixup", "cutmix"])
def test_a_mixed_image_has_its_partners_label_for_the_rest(
    how, make_recipe, make_source, make_batch
):
    recipe = make_recipe(KIND, {"augment": {how: 1.0}, "label_smoothing": 0.1})
    task = build_task(recipe, make_source(KIND))
    batch = make_batch(task, make_source(KIND).train, training=True)
    labels = batch["labels"]
    share = labels["share"][0].item()
    assert 0 < share < 1
    logits = torch.randn(4, 3)
    mixed_labels = share * F.one_hot(labels["labels"], 3) + (1 - share) * F.one_hot(
        labels["partner"], 3
    )
    wanted = F.cross_entropy(logits, mixed_labels, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(task.loss({"logits": logits}, batch), wanted)


def test_evaluation_mixes_nothing(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND, {"augment": {"mixup": 1.0}}), make_source(KIND))
    assert "partner" not in make_batch(task, make_source(KIND).train)["labels"]


@pytest.mark.parametrize(
    ("augment", "axis", "turned"),
    [
        ({}, 3, range(1)),
        ({"hflip": 1.0}, 3, range(8, 9)),
        ({"vflip": 1.0}, 2, range(8, 9)),
        ({"hflip": 0.5}, 3, range(1, 8)),
    ],
)
def test_flips_turn_over_the_images_for_which_they_were_drawn(
    augment, axis, turned, make_recipe, make_source, make_batch
):
    rows, found = make_source(KIND).train, []
    for keys in ({}, augment):
        task = build_task(make_recipe(KIND, {"augment": keys}), make_source(KIND))
        found.append(make_batch(task, rows, 8, training=True)["inputs"]["pixel_values"])
    same = sum(map(torch.equal, *found))
    over = sum(map(torch.equal, found[0].flip(axis), found[1]))
    assert same + over == 8 and over in turned


def test_workers_hand_over_bytes_and_half_precision_rounds_values_only_at_the_end(
    make_recipe, make_source
):
    augment = {"crop": {}, "hflip": 0.5, "mixup": 0.2, "erasing": {"probability": 1.0}}
    task = build_task(make_recipe(KIND, {"augment": augment}), make_source(KIND))
    rows, rng = make_source(KIND).train, np.random.default_rng(1)
    examples = [task.example(rows[i], rng, True) | {"weight": 1.0} for i in range(4)]
    batch = task.collate(examples, rng, True)
    assert batch["inputs"]["pixel_values"].dtype == torch.uint8
    device = torch.device("cpu")
    full, half = (
        moved(batch, device, dtype, task)["inputs"]["pixel_values"]
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert torch.equal(full.bfloat16(), half)
    assert len(full.unique()) > 300  # of more than bytes: noise, and sums of two images


def test_an_affine_of_nothing_changes_nothing():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8))
    same = augmented_image(
        image, ImageAugment(affine=Affine()), (0, 0, 0), np.random.default_rng(0)
    )
    assert np.array_equal(image, same)


def test_an_affine_shift_moves_pixels_and_paints_the_border():
    image = Image.new("RGB", (20, 20), (200, 0, 0))
    affine = ImageAugment(affine=Affine(translate=0.4))
    moved = np.asarray(augmented_image(image, affine, (0, 0, 255), np.random.default_rng(3)))
    blue = (moved[..., 2] == 255).mean()
    assert 0.05 < blue < 0.7


def test_scale_two_shows_the_middle_half():
    values = np.zeros((16, 16, 3), dtype=np.uint8)
    values[4:12, 4:12] = 255
    zoom = ImageAugment(affine=Affine(scale=(2.0, 2.0)))
    shown = np.asarray(
        augmented_image(Image.fromarray(values), zoom, (9, 9, 9), np.random.default_rng(0))
    )
    assert shown[2:-2, 2:-2].min() == 255


def test_colour_jitter_changes_brightness_within_its_strength():
    image = Image.new("RGB", (4, 4), (100, 100, 100))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shade = np.asarray(augmented_image(image, ImageAugment(color_jitter=0.3), (0, 0, 0), rng))[
            0, 0, 0
        ]
        assert 69 <= shade <= 131


def test_colour_jitter_changes_contrast_and_saturation_too():
    colours = [(200, 60, 60), (60, 200, 60), (20, 20, 20), (120, 120, 120)]
    image = Image.new("RGB", (4, 1))
    image.putdata(colours)
    for seed in range(5):
        factors = np.random.default_rng(seed).uniform(0.7, 1.3, 3)
        found = np.asarray(
            augmented_image(
                image, ImageAugment(color_jitter=0.3), (0, 0, 0), np.random.default_rng(seed)
            )
        )[0]
        brightness, contrast, saturation = factors
        bright = np.asarray(colours) * brightness
        middle = round((bright @ LUMA).mean())
        even = np.clip(middle + contrast * (bright - middle), 0, 255)
        grey = (even @ LUMA)[:, None]
        wanted = np.clip(grey + saturation * (even - grey), 0, 255)
        assert np.abs(found - wanted).max() <= 3  # each of the three steps rounds
        assert np.abs(found - bright).max() > 4


def test_a_crop_shows_a_part_of_the_image():
    ramp = np.repeat(np.arange(100, dtype=np.uint8)[None], 100, 0)
    image = Image.fromarray(np.stack([ramp] * 3, -1))
    crop = Crop(scale=(0.25, 0.25), ratio=(1.0, 1.0), interpolation="nearest")
    shown = resized_crop(image, 50, crop, np.random.default_rng(0))
    assert shown.shape == (3, 50, 50)
    assert np.array_equal(shown[0, 0], np.arange(shown[0, 0, 0], shown[0, 0, 0] + 50))


@pytest.mark.parametrize(("how", "most"), [("bilinear", 1), ("bicubic", 14)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_crop_is_resized_as_pillow_resizes_it(how, most, mode):
    image = Image.radial_gradient("L").rotate(30).convert(mode)
    crop = Crop(scale=(0.5, 0.5), ratio=(1.0, 1.0), interpolation=how)
    left, top, right, bottom = box_of(256, 256, crop, np.random.default_rng(5))
    piece = image.crop((left, top, right, bottom))
    wanted = planes_of(piece.resize((48, 48), Image.Resampling[how.upper()])).astype(int)
    found = resized_crop(image, 48, crop, np.random.default_rng(5))
    assert (right - left, found.shape) == (181, wanted.shape)
    assert np.abs(found - wanted).max() <= most


def test_a_photograph_becomes_pixels(data_root, make_recipe, make_source):
    path = next((data_root / "img_signdigits").rglob("*.[jJpP][pPnN]*[gG]"))
    task = build_task(make_recipe(KIND, {"image_size": 64}), make_source(KIND))
    row = {"image": Image.open(path).convert("RGB"), "label": 0}
    values = task.example(row, np.random.default_rng(0), False)["image"]
    assert values.shape == (3, 64, 64)
    assert values.std() > 10


RESNET = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}


def test_micro_batches_of_drawn_sizes_are_trained_on_and_evaluation_has_one(
    make_recipe, make_source, make_batch
):
    recipe = make_recipe(KIND, {"augment": {"sizes": [8, 16]}}, config=RESNET)
    task = build_task(recipe, make_source(KIND))
    rows = make_source(KIND).train
    found = {
        make_batch(task, rows, 2, training=True, seed=seed)["inputs"]["pixel_values"].shape
        for seed in range(20)
    }
    assert found == {(2, 3, 8, 8), (2, 3, 16, 16)}
    assert make_batch(task, rows)["inputs"]["pixel_values"].shape == (4, 3, 16, 16)


@pytest.mark.parametrize(
    ("config", "sizes", "allowed"),
    [
        ({}, [12, 16], "16: vit has positions for one size"),
        (RESNET, [8, 32], "at most task.image_size (16)"),
    ],
)
def test_a_size_that_cannot_be_is_a_fault(config, sizes, allowed, make_recipe, make_source):
    words = {"config": config} if config else {}
    recipe = make_recipe(KIND, {"augment": {"sizes": sizes}}, **words)
    with pytest.raises(ConfigError) as found:
        build_task(recipe, make_source(KIND))
    assert [(one.key, one.allowed) for one in found.value.faults] == [
        ("task.augment.sizes", allowed)
    ]
