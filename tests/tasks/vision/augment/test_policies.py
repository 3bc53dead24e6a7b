"""Policies of changes: how often each is drawn, how strong, and that they stay what they were."""

import json

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from zoo.recipe.spec.tasks.vision import RandAugment
from zoo.tasks.vision.augment import policies
from zoo.tasks.vision.augment.policies import rand_augmented, trivially_augmented

FILL = (124, 116, 104)


@pytest.fixture
def image():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def policy(**keys):
    return RandAugment.model_validate_json(json.dumps(keys))


@pytest.fixture
def carried_out(monkeypatch):
    """What was carried out: the names and strengths, in order."""
    found = []

    def noting(name):
        def note(image, strength, fill):
            found.append((name, strength))
            return image

        return note

    monkeypatch.setattr(policies, "_CHANGES", {name: noting(name) for name in policies._CHANGES})
    return found


def test_rand_augment_draws_evenly_with_the_probability_of_each(image, carried_out):
    rng = np.random.default_rng(0)
    for _ in range(3000):
        rand_augmented(image, policy(), FILL, rng)
    names, counts = np.unique([name for name, _ in carried_out], return_counts=True)
    assert len(names) == 15
    assert len(carried_out) == pytest.approx(3000, rel=0.05)  # two, each with one half
    assert counts.min() > 150 and counts.max() < 250


@pytest.mark.parametrize(
    ("name", "strongest"),
    [
        ("rotate", {30.0, -30.0}),
        ("shear_x", {0.3, -0.3}),
        ("translate_y", {0.45, -0.45}),
        ("brightness", {1.9, 0.1}),
        ("posterize", {0}),
        ("solarize", {0}),
        ("solarize_add", {110}),
        ("invert", {0.0}),
    ],
)
def test_the_strongest_is_timms(name, strongest, image, carried_out):
    rng = np.random.default_rng(0)
    for _ in range(500):
        rand_augmented(image, policy(magnitude=10.0, std=0.0, probability=1.0), FILL, rng)
    found = {round(strength, 6) for one, strength in carried_out if one == name}
    assert found == strongest


def test_the_strength_spreads_around_the_magnitude_and_stays_below_the_strongest(
    image, carried_out
):
    rng = np.random.default_rng(0)
    for _ in range(2000):
        rand_augmented(image, policy(magnitude=9.0, std=0.5, probability=1.0), FILL, rng)
    turns = [abs(strength) / 3 for name, strength in carried_out if name == "rotate"]
    assert np.mean(turns) == pytest.approx(9.0, abs=0.1)
    assert 0.4 < np.std(turns) < 0.55
    assert max(turns) <= 10


def test_trivial_augment_carries_out_one_change_at_any_strength(image, carried_out):
    rng = np.random.default_rng(0)
    for _ in range(2800):
        trivially_augmented(image, FILL, rng)
    names, counts = np.unique([name for name, _ in carried_out], return_counts=True)
    assert len(names) == 14 and "invert" not in names
    assert len(carried_out) == 2800
    assert counts.min() > 150 and counts.max() < 250
    turns = np.array([strength for name, strength in carried_out if name == "rotate"])
    assert turns.min() < -120 and turns.max() > 120 and abs(turns.mean()) < 25
    assert {s for name, s in carried_out if name == "posterize"} == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", sorted(policies._CHANGES))
def test_a_change_keeps_size_and_mode(name, mode, image):
    fill = FILL if mode == "RGB" else FILL[:1]
    strength = {"posterize": 4, "solarize": 128, "solarize_add": 60}.get(name, 0.3)
    found = policies._CHANGES[name](image.convert(mode), strength, fill)
    assert (found.size, found.mode) == (image.size, mode)


def test_changes_are_pillows_own(image):
    change = policies._CHANGES
    pairs = [
        (change["posterize"](image, 3, FILL), ImageOps.posterize(image, 3)),
        (change["sharpness"](image, 1.7, FILL), ImageEnhance.Sharpness(image).enhance(1.7)),
        (change["rotate"](image, 0, FILL), image),
        (change["equalize"](image, 0, FILL), ImageOps.equalize(image)),
    ]
    for found, wanted in pairs:
        assert np.array_equal(np.asarray(found), np.asarray(wanted))


def test_what_moves_in_has_the_fill_colour(image):
    moved = np.asarray(policies._CHANGES["translate_x"](image, 0.5, FILL))
    assert (moved[:, 12:] == FILL).all()
    assert np.array_equal(moved[:, :12], np.asarray(image)[:, 12:])


def test_the_same_generator_gives_the_same_image(image):
    found = [
        np.asarray(rand_augmented(image, policy(), FILL, np.random.default_rng(5))) for _ in "ab"
    ]
    assert np.array_equal(*found)
