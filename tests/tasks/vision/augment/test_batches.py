"""What changes in the values of a micro-batch."""

import json

import numpy as np
import pytest
import torch

from zoo.recipe.spec.tasks.vision import Erasing, ImageAugment
from zoo.tasks.vision.augment.batches import erased, mixed, of_drawn_size


def spec(kind, **keys):
    return kind.model_validate_json(json.dumps(keys))


def shares_of(**keys):
    """The share of the first image that many micro-batches keep, and whether a box was pasted."""
    rng, pixels = np.random.default_rng(0), torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 16, 16)
    augment = spec(ImageAugment, **keys)
    found = [mixed(pixels, augment, rng) for _ in range(600)]
    cut = [len(np.unique(values[0])) == 2 for values, _, _ in found]
    return np.array([share for _, _, share in found]), np.array(cut)


def test_a_hidden_rectangle_has_its_share_of_the_image_and_of_the_images():
    erasing = spec(Erasing, probability=0.25, mode="constant")
    pixels = erased(torch.ones(2000, 3, 32, 32), erasing, np.random.default_rng(0))
    hidden = (pixels == 0).all(1)
    some = hidden.flatten(1).any(1)
    assert float(some.float().mean()) == pytest.approx(0.25, abs=0.03)
    areas = hidden[some].float().mean((1, 2))
    assert float(areas.min()) > 0.01 and float(areas.max()) < 0.36
    assert float(areas.mean()) == pytest.approx((0.02 + 1 / 3) / 2, abs=0.03)
    first = hidden[some][0]
    rows, columns = first.any(1), first.any(0)
    assert int(first.sum()) == int(rows.sum() * columns.sum())  # a rectangle


def test_pixels_of_noise_are_normal_and_drawn_for_every_value():
    erasing = spec(Erasing, probability=1.0, mode="pixel", area=[0.3, 0.33], ratio=[1.0, 1.0])
    pixels = erased(torch.full((8, 3, 64, 64), 9.0), erasing, np.random.default_rng(0))
    noise = pixels[pixels != 9.0]
    assert abs(float(noise.mean())) < 0.02 and abs(float(noise.std()) - 1) < 0.02
    assert len(noise.unique()) > 0.9 * len(noise)


def test_a_micro_batch_has_one_of_the_sizes_and_each_is_drawn():
    pixels = torch.full((2, 3, 32, 32), 0.5)
    rng = np.random.default_rng(0)
    found = [of_drawn_size(pixels, (16, 24, 32), rng) for _ in range(60)]
    assert {one.shape for one in found} == {(2, 3, size, size) for size in (16, 24, 32)}
    assert all(float((one - 0.5).abs().max()) < 1e-6 for one in found)


def test_some_micro_batches_are_not_mixed():
    shares, _ = shares_of(mixup=0.8, mix_probability=0.3)
    assert (shares == 1).mean() == pytest.approx(0.7, abs=0.06)


def test_the_switch_says_how_many_are_cut():
    _, cut = shares_of(mixup=50.0, cutmix=50.0, switch_probability=0.8)
    assert cut.mean() == pytest.approx(0.8, abs=0.06)
