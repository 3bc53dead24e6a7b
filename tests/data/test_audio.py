"""Decoding clips."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from zoo.data.audio import decode_audio, seconds_of
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


KINDS = [
    *("WAV", "WAVEX", "FLAC", "OGG", "OGG OPUS", "MP3", "AIFF", "AU", "W64", "RF64", "CAF"),
    *("NIST", "WAV FLOAT", "WAV ALAW", "VOC"),
]


def encoded(kind: str, rate: int = 8000, **words: object) -> bytes:
    """Two seconds of a tone and noise."""
    form, _, subtype = kind.partition(" ")
    clip = tone(2.0) + 0.05 * rng().standard_normal(16000).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, clip, rate, format=form, subtype=subtype or None, **words)
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_clip_is_no_truncated_one(kind: str) -> None:
    clip, rate = decode_audio(encoded(kind))
    assert (len(clip), rate) == (16000, 8000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_clip_is_corrupt(kind: str) -> None:
    whole = encoded(kind)
    for share in (0.3, 0.5, 0.8, 0.95, 0.99):
        with pytest.raises(CorruptExample):
            decode_audio(whole[: int(share * len(whole))])


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_stream_that_did_not_know_its_length_is_whole(size: int) -> None:
    content = bytearray(encoded("WAV"))
    content[4:8] = content[40:44] = struct.pack("<I", size)
    assert len(decode_audio(bytes(content))[0]) == 16000


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + bytes(60_000)])
def test_tags_around_an_mp3_are_no_sound(tag: bytes) -> None:
    front = b"ID3\x04\0\0\0\0\x08\0" + bytes(1024)
    assert len(decode_audio(front + encoded("MP3") + tag)[0]) == 16000
    with pytest.raises(CorruptExample, match="truncated"):
        decode_audio(front + encoded("MP3")[:-50])


def without_first_frame(mp3: bytes) -> bytes:
    """Without the frame that says how many there are."""
    return mp3[mp3.index(mp3[:2], 100) :]


def test_an_mp3_that_says_no_length_is_read_whole_or_corrupt() -> None:
    constant = encoded("MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    assert len(decode_audio(without_first_frame(constant))[0]) >= 16000
    varying = encoded("MP3", bitrate_mode="VARIABLE")
    with pytest.raises(CorruptExample, match="its bit rate varies, and no frame says its length"):
        decode_audio(without_first_frame(varying))


@pytest.mark.parametrize("rate", [0, 7, 250_000, 4_000_000_000])
def test_a_rate_that_no_recorder_writes_is_a_damaged_header(rate: int) -> None:
    content = bytearray(encoded("WAV"))
    content[24:28] = struct.pack("<I", rate)
    for read in (decode_audio, seconds_of):
        with pytest.raises(CorruptExample):
            read(bytes(content))


def test_a_header_of_more_samples_than_memory_is_corrupt() -> None:
    content = bytearray(encoded("FLAC"))
    content[21:26] = bytes([content[21] | 0x0F]) + b"\xff\xff\xff\xff"  # 2**36 samples
    for read in (decode_audio, seconds_of):
        with pytest.raises(CorruptExample, match=r"a header of \d+ samples"):
            read(bytes(content))


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # a traceback
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_and_random_bytes_are_a_clip_or_corrupt(kind: str, tmp_path: Path) -> None:
    whole = encoded(kind)
    for seed in range(40):
        noise = rng(seed)
        damaged = bytearray(whole)
        for place in noise.integers(0, 60, 3):
            damaged[place] = noise.integers(256)
        for content in (bytes(damaged), whole[:12] + noise.bytes(60), noise.bytes(100)):
            (tmp_path / "a").write_bytes(content)
            for source in (content, tmp_path / "a"):
                try:
                    assert decode_audio(source)[0].dtype == np.float32
                except CorruptExample as error:
                    assert "bytes (" in str(error) or "/a (" in str(error)
