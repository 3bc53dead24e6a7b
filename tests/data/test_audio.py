"""Decoding and changing clips."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from zoo.data.audio import (
    decode_audio,
    random_noise,
    random_silence,
    random_speed,
    resample,
    seconds_of,
    spec_augment,
)
from zoo.data.rows import CorruptExample


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(seconds: float = 0.5, pitch: float = 440, rate: int = 8000) -> np.ndarray:
    turns = np.arange(int(seconds * rate)) * pitch / rate
    return (0.5 * np.sin(2 * np.pi * turns)).astype(np.float32)


def peak(clip: np.ndarray, rate: int) -> float:
    """The loudest frequency."""
    return float(np.abs(np.fft.rfft(clip)).argmax() * rate / len(clip))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_files_of_every_kind_are_decoded_to_mono(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone(), np.zeros(4000)], axis=1), 8000)
    clip, rate = decode_audio(path)
    assert rate == 8000
    assert clip.dtype == np.float32
    assert clip.ndim == 1
    assert seconds_of(path) == pytest.approx(len(clip) / 8000, abs=0.1)
    assert peak(clip, 8000) == pytest.approx(440, abs=5)
    assert np.abs(clip[500:3500]).max() == pytest.approx(0.25, abs=0.05)
    assert np.array_equal(decode_audio(path.read_bytes())[0], clip)


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_sound_is_corrupt(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    for read in (decode_audio, seconds_of):
        with pytest.raises(CorruptExample, match=r"a\.wav"):
            read(tmp_path / "a.wav")
    with pytest.raises(CorruptExample):
        decode_audio(tmp_path / "none.wav")


def test_a_clip_without_samples_is_corrupt(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 8000)
    with pytest.raises(CorruptExample, match="no sound in it"):
        decode_audio(tmp_path / "a.wav")


@pytest.mark.parametrize(("rate", "wanted"), [(8000, 16000), (22050, 16000), (8000, 8000)])
def test_resampling_keeps_pitch_and_duration(rate: int, wanted: int) -> None:
    clip = resample(tone(rate=rate), rate, wanted)
    assert clip.dtype == np.float32
    assert len(clip) == pytest.approx(wanted / 2, abs=2)
    assert peak(clip, wanted) == pytest.approx(440, abs=3)


def test_twice_the_speed_is_half_as_long_and_an_octave_higher() -> None:
    fast = random_speed(tone(), (2, 2), rng())
    assert len(fast) == pytest.approx(2000, abs=1)
    assert fast.dtype == np.float32
    assert peak(fast, 8000) == pytest.approx(880, abs=5)
    lengths = [len(random_speed(tone(), (0.5, 2), rng(seed))) for seed in range(50)]
    assert 2000 <= min(lengths) < 2600
    assert 5500 < max(lengths) <= 8000


def test_noise_has_the_ratio_that_was_asked_for() -> None:
    clip = tone(2)
    noise = random_noise(clip, (10, 10), rng()) - clip
    ratio = 10 * np.log10(np.mean(clip.astype(float) ** 2) / np.mean(noise.astype(float) ** 2))
    assert ratio == pytest.approx(10, abs=0.2)
    assert noise.dtype == np.float32


def test_silence_stands_before_and_after_and_is_no_longer_than_asked() -> None:
    before, after = set(), set()
    for seed in range(50):
        clip = random_silence(np.ones(100, np.float32), 8000, 0.1, rng(seed))
        assert clip.sum() == 100
        before.add(int(clip.argmax()))
        after.add(len(clip) - 100 - int(clip.argmax()))
    assert max(before | after) <= 800
    assert max(before) > 600
    assert max(after) > 600


def test_masks_hide_whole_bands_and_stretches_and_spare_the_original() -> None:
    features = np.ones((50, 20), np.float32)
    for seed in range(30):
        masked = spec_augment(features, 1, 4, 1, 10, rng(seed))
        bands, stretches = (masked == 0).all(axis=0).sum(), (masked == 0).all(axis=1).sum()
        assert bands <= 4
        assert stretches <= 10
        assert (masked == 0).sum() == bands * 50 + stretches * 20 - bands * stretches
    assert features.all()


def test_a_share_of_the_clip_may_bound_the_stretches() -> None:
    features = np.ones((50, 20), np.float32)
    hidden = [(spec_augment(features, 0, 0, 1, 0.1, rng(s)) == 0).all(1).sum() for s in range(60)]
    assert max(hidden) == 5
    assert min(hidden) == 0


def test_a_mask_wider_than_the_clip_is_no_error() -> None:
    assert spec_augment(np.ones((3, 2), np.float32), 2, 50, 2, 50, rng()).shape == (3, 2)
