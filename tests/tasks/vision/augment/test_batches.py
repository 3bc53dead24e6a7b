"""What changes in the values of a micro-batch."""

import json

import numpy as np
import pytest
import torch

from zoo.recipe.spec.tasks.vision import Erasing, ImageAugment
from zoo.tasks.vision.augment.batches import changed, drawn, partners


def spec(kind, **keys):
    return kind.model_validate_json(json.dumps(keys))


def shares_of(**keys):
    """The share of the first image that many micro-batches keep, and whether a box was pasted."""
    rng, augment = np.random.default_rng(0), spec(ImageAugment, **keys)
    found = [drawn(augment, (2, 1, 16, 16), rng)["mixed"] for _ in range(600)]
    shares, boxes = zip(*((one["share"], one["box"]) for one in found), strict=True)
    return np.array(shares), np.array([box is not None for box in boxes])


def after(pixels, augment, seed=0):
    """What becomes of pixels, and what was drawn for them."""
    found = drawn(augment, tuple(pixels.shape), np.random.default_rng(seed))
    return changed(pixels.clone(), found), found


def test_a_hidden_rectangle_has_its_share_of_the_image_and_of_the_images():
    erasing = spec(Erasing, probability=0.25, mode="constant")
    pixels, _ = after(torch.ones(2000, 3, 32, 32), ImageAugment(erasing=erasing))
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
    pixels, _ = after(torch.full((8, 3, 64, 64), 9.0), ImageAugment(erasing=erasing))
    noise = pixels[pixels != 9.0]
    assert abs(float(noise.mean())) < 0.02 and abs(float(noise.std()) - 1) < 0.02
    assert len(noise.unique()) > 0.9 * len(noise)


def test_a_micro_batch_has_one_of_the_sizes_and_each_is_drawn():
    pixels = torch.full((2, 3, 32, 32), 0.5)
    augment = ImageAugment(sizes=(16, 24, 32))
    found = [after(pixels, augment, seed)[0] for seed in range(60)]
    assert {one.shape for one in found} == {(2, 3, size, size) for size in (16, 24, 32)}
    assert all(float((one - 0.5).abs().max()) < 1e-6 for one in found)


def test_what_is_hidden_and_mixed_fits_into_the_drawn_size():
    augment = ImageAugment(sizes=(8,), cutmix=1.0, erasing=spec(Erasing, probability=1.0))
    for seed in range(10):
        values, found = after(torch.zeros(4, 3, 32, 32), augment, seed)
        top, bottom, left, right = found["mixed"]["box"]
        assert values.shape == (4, 3, 8, 8) and 0 <= top <= bottom <= 8 and 0 <= left <= right <= 8
        hidden = sum((b - t) * (r - w) for _, t, b, w, r in found["hidden"]["boxes"])
        assert len(found["hidden"]["noise"]) == 3 * hidden


def test_cutmix_shares_are_the_pasted_area():
    pixels = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 3, 12, 20).clone()
    for seed in range(20):
        values, found = after(pixels, ImageAugment(cutmix=1.0), seed)
        own = values == pixels
        shares = own.double().mean((1, 2, 3))
        torch.testing.assert_close(shares, torch.full_like(shares, found["mixed"]["share"]))
        assert torch.equal(values[~own], partners(pixels)[~own])


@pytest.mark.parametrize("size", [2, 3, 16])
def test_no_image_is_its_own_partner_and_each_is_one_once(size):
    found = partners(torch.arange(size))
    assert sorted(found.tolist()) == list(range(size))
    assert not (found == torch.arange(size)).any()


def test_mixup_is_the_weighted_sum():
    pixels = torch.randn(4, 3, 5, 5)
    values, found = after(pixels, ImageAugment(mixup=0.5))
    share = found["mixed"]["share"]
    torch.testing.assert_close(values, share * pixels + (1 - share) * pixels.roll(1, 0))


def test_some_micro_batches_are_not_mixed():
    shares, _ = shares_of(mixup=0.8, mix_probability=0.3)
    assert (shares == 1).mean() == pytest.approx(0.7, abs=0.06)


def test_the_switch_says_how_many_are_cut():
    _, cut = shares_of(mixup=50.0, cutmix=50.0, switch_probability=0.8)
    assert cut.mean() == pytest.approx(0.8, abs=0.06)
