"""Decoding and changing clips."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from zoo.data.audio import (
    decode_audio,
    seconds_of,
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
